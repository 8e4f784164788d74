/**
 * Where finds come from, for measuring what becomes of them: every known race that can be put in, a faulty driver, protocols that
 * get stuck in each of the ways there are, and long random scenarios with a mistake put in.
 */
import { fileURLToPath } from 'node:url'
import { type ExploreOptions, parseConcurrent } from '../../src/index.ts'
import { RACE_IDS, raceById } from '../../src/races/index.ts'
import { longRandomScenario } from '../support/randomscenario.ts'

/** A mistake, and how a seed of it is looked for. */
export interface Source {
  readonly name: string
  /** Ordering constraints of its interleaving. */
  readonly depth: number
  /** It is looked for in a long random scenario, another one for each seed. */
  readonly random: boolean
  options(seed: number): ExploreOptions
}

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const SCENARIO = fileURLToPath(new URL('../../../test/explore/scenarios/drop-during-device-read.scn', import.meta.url))

/** Operations of a long random scenario. */
export const LONG = 60

/** Most schedules that one seed is looked for. */
const SCHEDULES = 5_000

function driver(name: string): string {
  return fileURLToPath(new URL(`../drivers/${name}${extension}`, import.meta.url))
}

function protocol(name: string): string {
  return fileURLToPath(new URL(`./protocols/${name}${extension}`, import.meta.url))
}

/** The known races, each in its own scenario. A search that needs no seed is replaced by one that has them. */
async function races(): Promise<Source[]> {
  const all = await Promise.all(RACE_IDS.map(raceById))
  return all.map(({ id, depth, search }) => ({
    name: id,
    depth,
    random: false,
    options: (seed) => ({
      bug: id,
      seed,
      schedules: SCHEDULES,
      ...(search?.strategy === 'dfs' ? { strategy: 'pct' as const, depth: depth + 1 } : {}),
    }),
  }))
}

const DRIVERS: readonly (readonly [name: string, depth: number])[] = [['skips-the-check', 2]]

const drivers: readonly Source[] = DRIVERS.map(([name, depth]) => ({
  name: `driver ${name}`,
  depth,
  random: false,
  options: (seed) => ({ scenario: SCENARIO, drivers: { svm: driver(name) }, depth: 3, seed, schedules: SCHEDULES }),
}))

/** Protocols that end in a cycle of waits, in a sleep that nobody ends, in going round for ever, and with a wrong answer. */
const PROTOCOLS = [
  { module: 'stuck', threads: ['leftThenRight', 'rightThenLeft'], words: 32 },
  { module: 'stuck', threads: ['firstOfThree', 'secondOfThree', 'thirdOfThree'], words: 32 },
  { module: 'queue', threads: ['consumeCarelessly', 'produce'], words: 16, check: 'check' },
  { module: 'primitives', threads: ['awaitData', 'setDataTooLate'], words: 128 },
  { module: 'stuck', threads: ['awaitsFlag', 'wavesFlag'], words: 32 },
  { module: 'primitives', threads: ['writeInSequence', 'readWithoutRetry'], words: 128, check: 'expectWhole' },
  { module: 'primitives', threads: ['readUnderRcu', 'retireAtOnce'], words: 128, check: 'expectWhole' },
] as const

const protocols: readonly Source[] = PROTOCOLS.map(({ module, ...actors }) => ({
  name: actors.threads.join(', '),
  depth: 2,
  random: false,
  options: (seed) => ({ actors: { module: protocol(module), ...actors }, depth: 3, seed, schedules: SCHEDULES }),
}))

const MISTAKES: readonly (readonly [name: string, depth: number, put: Pick<ExploreOptions, 'bug' | 'drivers'>])[] = [
  ...DRIVERS.map(([name, depth]) => [`driver ${name}`, depth, { drivers: { svm: driver(name) } }] as const),
  ...(
    [
      ['invalidate-before-count', 2],
      ['setseq-forgotten', 2],
      ['deferred-invalidation', 1],
      ['begin-under-lock', 2],
      ['invalidate-only-at-end', 1],
      ['range-listed-after-callback', 2],
      ['recheck-outside-lock', 2],
    ] as const
  ).map(([bug, depth]) => [bug, depth, { bug }] as const),
]

const longRandom: readonly Source[] = MISTAKES.map(([name, depth, put], i) => ({
  name: `random, ${name}`,
  depth,
  random: true,
  options: (seed) => {
    const number = seed * MISTAKES.length + i
    const scenario = parseConcurrent(`random-${number}.scn`, longRandomScenario(number, LONG))
    return { scenario, ...put, strategy: 'pct', depth: 3, seed, schedules: 300 }
  },
}))

/** All of them. */
export async function sources(): Promise<readonly Source[]> {
  return [...(await races()), ...drivers, ...protocols, ...longRandom]
}
