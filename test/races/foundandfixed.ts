/**
 * Is a known race found when it is put in, by one of the oracles that its folder names, and is the same scenario clean without it, by the
 * same search?
 */
import type { Test } from 'tap'
import { explore, replay } from '../../src/index.ts'
import { RACE_IDS, raceById, subjectOf } from '../../src/races/index.ts'
import { driversWithout, type Race, searchOf } from '../../src/races/race.ts'

/** Many times what each needs in the middle of 20 seeds (docs/races.md). */
const ENOUGH = 20_000
/** Schedules of the fixed variant here; docs/races.md has the long runs. */
const CLEAN = 40

/** One machine each, and no shrinking, which is test/explore's question. */
const SHORT = { jobs: 1, shrink: false } as const

/** One of a driver, one of the core, one of a primitive alone: the others replay in the same way. */
const REPLAYED: ReadonlySet<string> = new Set([
  'recheck-outside-lock',
  'migrate-flush-after-unlock',
  'interval-remove-unlocked-predicate',
])

/** A test for each race that `which` chooses. */
export async function testRaces(t: Test, which: (race: Race) => boolean): Promise<void> {
  const races = await Promise.all(RACE_IDS.map(raceById))
  for (const race of races.filter(which)) t.test(race.id, (one) => foundAndFixed(one, race))
}

async function foundAndFixed(t: Test, race: Race): Promise<void> {
  const found = await explore({ bug: race.id, schedules: ENOUGH, ...SHORT })
  t.ok(race.oracles.includes(found.violation?.oracle as never), found.violation?.message ?? `not in ${found.schedules}`)
  if (REPLAYED.has(race.id)) {
    const again = await replay(found.violation?.token as string)
    t.equal(again.same, true, 'the find replays')
  }
  const without = { ...subjectOf(race), drivers: driversWithout(race) }
  const fixed = await explore({ ...without, ...searchOf(race), schedules: CLEAN, ...SHORT })
  t.equal(fixed.violation?.message, undefined, 'and without the race there is nothing to find')
}
