/**
 * The table of the known races: schedules to the first hit over 20 seeds, for the random walk and for PCT, and a long run of the
 * variant without the race. `npm run test:races` prints it; docs/races.md keeps it.
 */
import { explore } from '../../src/explore.ts'
import { RACE_IDS, raceById, subjectOf } from '../../src/races/index.ts'
import type { Race } from '../../src/races/race.ts'

const SEEDS = 20
const MOST = 2_000
const CLEAN = Number(process.argv[2] ?? 2_000)

const say = (line: string) => process.stdout.write(`${line}\n`)

interface Search {
  /** Median schedules to the first hit; Infinity when fewer than half of the seeds hit. */
  readonly median: number
  readonly hits: number
  readonly schedules: number
  readonly bound: number
  readonly oracle: string
}

async function search(race: Race, strategy: 'random' | 'pct', depth: number): Promise<Search> {
  const firsts: number[] = []
  let schedules = 0
  let bound = 0
  let oracle = '-'
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = await explore({ bug: race.id, strategy, depth, seed, schedules: MOST, shrink: false })
    schedules += result.schedules
    bound = result.bound ?? 0
    firsts.push(result.first_hit ?? Number.POSITIVE_INFINITY)
    oracle = result.violation?.oracle ?? oracle
  }
  firsts.sort((a, b) => a - b)
  return {
    median: firsts[SEEDS / 2] as number,
    hits: firsts.filter(Number.isFinite).length,
    schedules,
    bound,
    oracle,
  }
}

const shown = (n: number) => (Number.isFinite(n) ? n.toLocaleString('en-US') : `over ${MOST.toLocaleString('en-US')}`)
let failed = false
say('| race | d | oracle | random: median of 20 | PCT: median of 20 | PCT: hits per schedule, and the bound | without it |')
say('|---|---|---|---|---|---|---|')
for (const id of RACE_IDS) {
  const race = await raceById(id)
  const depth = race.search?.depth ?? Math.max(race.depth, 2)
  const random = await search(race, 'random', depth)
  const pct = await search(race, 'pct', depth)
  const clean = await explore({ ...subjectOf(race), depth, schedules: CLEAN })
  if (clean.violation !== undefined || pct.hits === 0) failed = true
  const rate = pct.hits / pct.schedules
  const fixed = clean.violation === undefined ? `clean in ${shown(CLEAN)}` : `${clean.violation.oracle}: NOT CLEAN`
  say(
    `| ${id} | ${race.depth} | ${pct.oracle} | ${shown(random.median)} | ${shown(pct.median)} (d = ${depth}) | ${rate.toExponential(1)}, ${pct.bound.toExponential(1)} | ${fixed} |`,
  )
}
process.exitCode = failed ? 1 : 0
