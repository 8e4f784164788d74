/**
 * `locks/*`: taking and dropping each lock of the runtime when nobody else wants it, beside what no lock can do without: one exchange
 * that takes a word and one store that drops it. An operation is a section, entered and left.
 *
 *   locks/atomics      the two Atomics alone     locks/seqcount     begin, read a word, retry?
 *   locks/spinlock     spinLock, spinUnlock      locks/rcu          a read section that reads a word
 *   locks/rwsem-read   downRead, upRead          locks/rwsem-write  downWrite, upWrite
 *
 * The work is checked: every section adds to a sum what it finds in a word, and looks whether it is inside; afterwards the sum must be
 * right, and every lock free.
 */
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import { mirrorWord } from '../shared/hmm/mirror.ts'
import type { WordAt } from '../shared/memory/words.ts'
import { mmapSem } from '../shared/notifier/mmhead.ts'
import { HmmError } from '../shared/seam/error.ts'
import type { Task } from '../shared/seam/task.ts'
import { LEAF, MMAP_SEM } from '../shared/sync/classes.ts'
import { ownerOf } from '../shared/sync/ownerword.ts'
import { inRcuSection, rcuReadLock, rcuReadUnlock } from '../shared/sync/rcu.ts'
import { downRead, downWrite, rwsemIsHeld, upRead, upWrite } from '../shared/sync/rwsem.ts'
import { seqBegin, seqRetry } from '../shared/sync/seqcount.ts'
import { spinLock, spinUnlock } from '../shared/sync/spinlock.ts'
import { type BenchResult, relativeTo } from './measure.ts'
import { openSolo } from './solo.ts'
import { measureLoop } from './timed.ts'

/** Sections of one sample: a millisecond or less. */
const SECTIONS = 10_000
/** Words of the mirror that its driver does not use. */
const LOCK_WORD = 16
const DATA_WORD = 17

export interface LocksOptions {
  readonly era?: Era
  readonly seconds?: number
}

interface Places {
  readonly sem: WordAt
  readonly lock: WordAt
  readonly data: WordAt
}

/** `SECTIONS` sections; the sum of what they found. */
type Sections = (task: Task, at: Places) => number

const CASES: readonly { readonly name: string; readonly run: Sections; readonly isFree: (task: Task, at: Places) => boolean }[] =
  [
    {
      name: 'locks/atomics',
      run({ words }, { lock, data }) {
        let sum = 0
        for (let i = 0; i < SECTIONS; i++) {
          if (Atomics.compareExchange(words, lock, 0, 1) === 0) sum += words[data] as number
          Atomics.store(words, lock, 0)
        }
        return sum
      },
      isFree: isFree,
    },
    {
      name: 'locks/spinlock',
      run(task, { lock, data }) {
        let sum = 0
        for (let i = 0; i < SECTIONS; i++) {
          spinLock(task, lock, LEAF)
          if (task.words[lock] !== 0) sum += task.words[data] as number
          spinUnlock(task, lock)
        }
        return sum
      },
      isFree: isFree,
    },
    {
      name: 'locks/rwsem-read',
      run(task, { sem, data }) {
        let sum = 0
        for (let i = 0; i < SECTIONS; i++) {
          downRead(task, sem, MMAP_SEM)
          if (task.words[sem] !== 0) sum += task.words[data] as number
          upRead(task, sem)
        }
        return sum
      },
      isFree: (task, { sem }) => !rwsemIsHeld(task, sem),
    },
    {
      name: 'locks/rwsem-write',
      run(task, { sem, data }) {
        let sum = 0
        for (let i = 0; i < SECTIONS; i++) {
          downWrite(task, sem, MMAP_SEM)
          if (task.words[sem] !== 0) sum += task.words[data] as number
          upWrite(task, sem)
        }
        return sum
      },
      isFree: (task, { sem }) => !rwsemIsHeld(task, sem),
    },
    {
      name: 'locks/seqcount',
      run(task, { lock, data }) {
        let sum = 0
        for (let i = 0; i < SECTIONS; i++) {
          const seq = seqBegin(task, lock)
          const found = task.words[data] as number
          if (!seqRetry(task, lock, seq)) sum += found
        }
        return sum
      },
      isFree: isFree,
    },
    {
      name: 'locks/rcu',
      run(task, { data }) {
        let sum = 0
        for (let i = 0; i < SECTIONS; i++) {
          rcuReadLock(task)
          if (inRcuSection(task)) sum += task.words[data] as number
          rcuReadUnlock(task)
        }
        return sum
      },
      isFree: (task) => !inRcuSection(task),
    },
  ]

/** Runs the benchmark. Throws HmmError where a section was none. */
export function locksBench(options: LocksOptions = {}): BenchResult[] {
  const { era = DEFAULT_ERA, seconds = 0.5 } = options
  const solo = openSolo({ era, pages: 0 })
  const at = { sem: mmapSem(solo.mm), lock: mirrorWord(solo.mirror, LOCK_WORD), data: mirrorWord(solo.mirror, DATA_WORD) }
  solo.task.words[at.data] = 1
  const results = CASES.map(({ name, run, isFree: free }) => {
    const result = measureLoop({ name, seconds, repeat: SECTIONS, expected: SECTIONS }, () => run(solo.task, at))
    if (!free(solo.task, at)) throw new HmmError('HMM_ERR_BENCH', `${name}: the lock is still held`)
    return result
  })
  solo.task.words[at.data] = 0
  solo.close()
  const [floor, ...others] = results as [BenchResult, ...BenchResult[]]
  return [floor, ...others.map((one) => relativeTo(one, floor))]
}

function isFree(task: Task, { lock }: Places): boolean {
  return ownerOf(task, lock) < 0
}
