/**
 * `floor/*`: what the parts cost that everything else is made of, on one thread: a load, a store, an addition and a
 * compare-and-exchange of one shared word by Atomics; plain loads and stores of shared words; copies of a page, of the 512 entries
 * of a range, and of the 2 MiB that they stand for.
 *
 * A word at a time is too short for the clock, so a sample is many of them; what they leave behind is compared with what it must
 * be, so that a loop that was optimised away is no floor.
 */
import { createBuffer } from '../shared/memory/regions.ts'
import { HUGE_PAGES, PAGE_BYTES, PAGE_WORDS } from '../shared/memory/words.ts'
import { HmmError } from '../shared/seam/error.ts'
import { type BenchResult, measure } from './measure.ts'
import { measureLoop } from './timed.ts'

/** Accesses of one sample: more than a hundred microseconds, also where one takes less than a nanosecond. */
const REPEAT = 200_000
/** Words that plain accesses walk over: they stay in the first cache. */
const SPAN = 1024
/** A pfn is two words. */
const RANGE_WORDS = HUGE_PAGES * 2

export interface FloorOptions {
  readonly seconds?: number
}

/** `REPEAT` accesses, and what they must return. */
interface Access {
  readonly name: string
  readonly run: (words: Int32Array) => number
  readonly expected: number
}

const ACCESSES: readonly Access[] = [
  {
    name: 'floor/atomics-load',
    run(words) {
      let sum = 0
      for (let i = 0; i < REPEAT; i++) sum = (sum + Atomics.load(words, i & (SPAN - 1))) | 0
      return sum
    },
    expected: sumOfWalk(),
  },
  {
    name: 'floor/atomics-store',
    run(words) {
      for (let i = 0; i < REPEAT; i++) Atomics.store(words, SPAN, i)
      return words[SPAN] as number
    },
    expected: REPEAT - 1,
  },
  {
    name: 'floor/atomics-add',
    run(words) {
      words[SPAN] = 0
      for (let i = 0; i < REPEAT; i++) Atomics.add(words, SPAN, 1)
      return words[SPAN] as number
    },
    expected: REPEAT,
  },
  {
    name: 'floor/atomics-cas',
    run(words) {
      words[SPAN] = 0
      for (let i = 0; i < REPEAT; i++) Atomics.compareExchange(words, SPAN, i, i + 1)
      return words[SPAN] as number
    },
    expected: REPEAT,
  },
  {
    name: 'floor/plain-load',
    run(words) {
      let sum = 0
      for (let i = 0; i < REPEAT; i++) sum = (sum + (words[i & (SPAN - 1)] as number)) | 0
      return sum
    },
    expected: sumOfWalk(),
  },
  {
    name: 'floor/plain-store',
    run(words) {
      const at = SPAN * 2
      for (let i = 0; i < REPEAT; i++) words[at + (i & (SPAN - 1))] = i
      return words[at + ((REPEAT - 1) & (SPAN - 1))] as number
    },
    expected: REPEAT - 1,
  },
]

/** Runs the benchmark. Throws HmmError where something did not do its work. */
export function floorsBench(options: FloorOptions = {}): BenchResult[] {
  const { seconds = 0.5 } = options
  return [...accessFloors(seconds), copyPageFloor(seconds), copyRangeFloor(seconds), copyHugeFloor(seconds)]
}

/** `floor/atomics-*` and `floor/plain-*`: one access to a shared word. */
export function accessFloors(seconds: number): BenchResult[] {
  return ACCESSES.map((access) => accessFloor(access, seconds))
}

/** `floor/copy-page`: the 4 KiB of a page. */
export function copyPageFloor(seconds: number): BenchResult {
  return copyFloor('floor/copy-page', PAGE_WORDS, 1, seconds)
}

/** `floor/copy-512`: the entries of a range of 512 pages, two words each. */
export function copyRangeFloor(seconds: number): BenchResult {
  return copyFloor('floor/copy-512', RANGE_WORDS, HUGE_PAGES, seconds)
}

/** `floor/memcpy-2MiB`: the bytes of 512 pages. */
export function copyHugeFloor(seconds: number): BenchResult {
  return copyFloor('floor/memcpy-2MiB', HUGE_PAGES * PAGE_WORDS, HUGE_PAGES, seconds)
}

/** Each copy takes a new number along at both ends: the last must have arrived. */
function copyFloor(name: string, words: number, pages: number, seconds: number): BenchResult {
  const buffer = createBuffer(words * 8 + PAGE_BYTES)
  const from = new Int32Array(buffer, 0, words)
  const to = new Int32Array(buffer, words * 4, words)
  let copies = 0
  const result = measure({ name, seconds, pages }, () => {
    copies++
    from[0] = copies
    from[words - 1] = copies
    to.set(from)
  })
  if (copies < result.n || to[0] !== copies || to[words - 1] !== copies)
    throw new HmmError('HMM_ERR_BENCH', `${name}: what was copied last did not arrive`)
  return result
}

function accessFloor({ name, run, expected }: Access, seconds: number): BenchResult {
  const words = new Int32Array(createBuffer(SPAN * 4 * 4))
  for (let i = 0; i < SPAN; i++) words[i] = i
  return measureLoop({ name, seconds, repeat: REPEAT, expected }, () => run(words))
}

/** What the words that hold their own index add up to on a walk of `REPEAT` steps. */
function sumOfWalk(): number {
  let sum = 0
  for (let i = 0; i < REPEAT; i++) sum = (sum + (i & (SPAN - 1))) | 0
  return sum
}
