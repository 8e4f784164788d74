/**
 * The table of the known races: every race is searched for by every strategy, on as many cores as there are, and then, one at a time
 * because real threads want the cores for themselves, put under free stress.
 */
import { usableCores } from '../cores.ts'
import { raceById } from '../races/index.ts'
import type { Race } from '../races/race.ts'
import type { Asked, Measured } from './document.ts'
import { stressRace } from './freestress.ts'
import { searchRace } from './searches.ts'

export interface MeasureOptions {
  readonly ids: readonly string[]
  readonly asked: Asked
  /** Races at work at once. Default: one for each core. */
  readonly jobs?: number
  /** Measured before, with the same numbers: not measured again. */
  readonly known?: readonly Measured[]
  /** After each race, searched for or stressed. */
  readonly onMeasured?: (race: Measured, done: readonly Measured[]) => void
  readonly signal?: AbortSignal
}

/** Measures the races, in the order of `ids`; fewer when it is ended early. Throws RunFailure when a run itself failed. */
export async function measureRaces(options: MeasureOptions): Promise<Measured[]> {
  const { ids, asked, known = [], signal } = options
  const races = await Promise.all(ids.map(raceById))
  const measured = new Map<string, Measured>(known.filter(({ id }) => ids.includes(id)).map((one) => [one.id, one]))
  const inOrder = () => ids.flatMap((id) => measured.get(id) ?? [])
  const tell = (race: Measured) => {
    measured.set(race.id, race)
    options.onMeasured?.(race, inOrder())
  }
  const toSearch = races.filter(({ id }) => !measured.has(id))
  const cores = usableCores()
  const lanes = Array.from({ length: Math.min(options.jobs ?? cores.length, toSearch.length) }, async (_, lane) => {
    for (let race = toSearch.shift(); race !== undefined && signal?.aborted !== true; race = toSearch.shift())
      tell(await searched(race, asked, cores[lane % cores.length]))
  })
  await Promise.all(lanes)
  for (const race of races) {
    const one = measured.get(race.id)
    if (one === undefined || one.stress !== null || asked.stress_seconds === 0 || signal?.aborted === true) continue
    const stress = await stressRace(race, asked.stress_seconds)
    if (stress !== null) tell({ ...one, stress })
  }
  return inOrder()
}

async function searched(race: Race, asked: Asked, core: number | undefined): Promise<Measured> {
  const found = await searchRace(race, asked, core)
  const seen = new Set(found.searches.flatMap(({ oracles }) => oracles))
  const unexpected = [...seen].filter((oracle) => !(race.oracles as readonly string[]).includes(oracle))
  return { id: race.id, ...found, stress: null, unexpected }
}
