/**
 * One known race under free stress: real threads, no scheduler, all oracles. The loads are the same for all races; what a race needs
 * to be there at all (its family, its protocol, little memory) is taken from its scenario.
 */
import { readScenario } from '../explore/subjects.ts'
import { RunFailure } from '../failure.ts'
import { subjectOf } from '../races/index.ts'
import type { Race } from '../races/race.ts'
import { stress } from '../stress.ts'
import type { StressHits } from './document.ts'

/** Accesses under all changes of the address space; 2 MiB pages; pages that move to devices with memory of their own. */
const LOADS = ['mixed', 'huge', 'migrate'] as const
/** Hits after which a load has said what it can. */
const ENOUGH = 20
/** A run that has to be booted for less than this tells more about booting. */
const LEAST_SECONDS = 0.2

/** Puts `race` in under each load for `seconds`, again after each hit. Null: no load has what it is in. */
export async function stressRace(race: Race, seconds: number): Promise<StressHits | null> {
  const subject = subjectOf(race)
  if (seconds === 0 || 'actors' in subject) return null
  const { devices, era, notify, mirrorReclaim, systemPages } = readScenario(subject.scenario)
  const families = devices.length > 1 ? devices.map(({ family }) => family) : [devices[0]?.family, devices[0]?.family]
  const common = {
    bug: race.id,
    devices: families.filter((family) => family !== undefined),
    era,
    notify,
    mirrorReclaim,
    reclaimers: 1,
    copyFailures: Math.max(0, ...devices.map(({ copyFailures = 0 }) => Math.min(copyFailures, RARE))),
    ...(systemPages === null ? {} : { systemPages: FEW_PAGES }),
  }
  const loads = new Set<string>()
  const oracles = new Set<string>()
  let hits = 0
  let spent = 0
  for (const profile of LOADS) {
    for (let left = seconds, here = 0; left >= LEAST_SECONDS && here < ENOUGH; here++) {
      const seen = await oneRun({ ...common, profile, seconds: left, seed: here + 1 })
      left -= seen.seconds
      spent += seen.seconds
      if (seen.oracle === null) break
      hits++
      loads.add(profile)
      oracles.add(seen.oracle)
    }
  }
  return { hits, seconds: Math.round(spent * 1000) / 1000, loads: [...loads], oracles: [...oracles] }
}

/** Copies of a scenario may all fail; under load the others must go on. */
const RARE = 0.05
/** An assertion of the core, and a machine that does not move, or never comes to rest. */
const BROKEN: ReadonlySet<string> = new Set(['HMM_ERR_INVARIANT', 'HMM_ERR_HUNG'])
/** Fewer than the loads touch. */
const FEW_PAGES = 300

async function oneRun(options: Parameters<typeof stress>[0] & object): Promise<{ seconds: number; oracle: string | null }> {
  const began = performance.now()
  try {
    const { violations, seconds } = await stress(options)
    return { seconds, oracle: violations[0]?.oracle ?? null }
  } catch (error) {
    // A machine that broke before an oracle could judge it. Any other failure is no hit: the table is not measured then.
    if (error instanceof RunFailure && BROKEN.has(error.code))
      return { seconds: (performance.now() - began) / 1000, oracle: error.code }
    throw error
  }
}
