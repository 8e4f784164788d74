/** In which order do waiters get an rwsem, and can one be passed over for ever? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downgradeWrite, downRead, downReadTry, downWrite, downWriteTry, upRead, upWrite } from '../../shared/sync/rwsem.ts'
import { startCrew } from '../support/crew.ts'
import { meet, until, untilAsleep } from '../support/meet.ts'
import { solo } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

/** Words of the test, in the ledgers of a machine without a workload. */
const SEM = 0
const COUNT = 0
const HANDOFF = 4
const STAGE = 16
const MEETING = 17
const LOG = 32

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** Says, in the order of the whole machine, that this actor is now inside. */
function enter(task: Task): void {
  const place = atomicAdd(task, words(task) + LOG, 1)
  task.words[words(task) + LOG + 1 + place] = task.id
}

function entries(task: Task): number[] {
  const at = words(task) + LOG
  return [...task.words.subarray(at + 1, at + 1 + (task.words[at] as number))]
}

/**
 * cpu 0 takes the lock as `modes[0]` says; the others queue one after the other, each asleep before the next comes; then cpu 0
 * drops it, or downgrades when its mode is `d`. Readers among the waiters must be inside together before any leaves.
 */
export function queueUp(task: Task, modes: string): void {
  const sem = words(task) + SEM
  const mode = modes[task.id] as string
  until(task, () => atomicLoad(task, words(task) + STAGE) >= task.id)
  if (mode === 'r') downRead(task, sem, MMAP_SEM)
  else downWrite(task, sem, MMAP_SEM)
  if (task.id !== 0) enter(task)
  else {
    for (let id = 1; id < modes.length; id++) {
      atomicStore(task, words(task) + STAGE, id)
      untilAsleep(task, id, modes[id] === 'r' ? 'rwsemRead' : 'rwsemWrite')
    }
    if (mode === 'd') downgradeWrite(task, sem, MMAP_SEM)
  }
  const together = [...modes].filter((m, id) => m === 'd' || (m === 'r' && id > 0)).length
  if (mode === 'd' || (mode === 'r' && task.id > 0)) meet(task, words(task) + MEETING, together)
  if (mode === 'r' || mode === 'd') upRead(task, sem)
  else upWrite(task, sem)
}

/**
 * cpu 0 writes `rounds` times, and on until each of the others has read; they read in a stream that never ends before it has.
 * Returns how often each was in.
 */
export function streamOfReaders(task: Task, rounds: number): number {
  const sem = words(task) + SEM
  const done = words(task) + STAGE
  let inside = 0
  meet(task, words(task) + MEETING, 4)
  if (task.id === 0) {
    const everybodyRead = () => [1, 2, 3].every((id) => atomicLoad(task, words(task) + LOG + id) > 0)
    for (; inside < rounds || !everybodyRead(); inside++) {
      downWrite(task, sem, MMAP_SEM)
      upWrite(task, sem)
    }
    atomicStore(task, done, 1)
    return inside
  }
  for (; atomicLoad(task, done) === 0; inside++) {
    downRead(task, sem, MMAP_SEM)
    for (let i = 0; i < 200; i++) atomicLoad(task, done) // longer than what lies between two reads: somebody is always in
    upRead(task, sem)
    atomicStore(task, words(task) + LOG + task.id, 1)
  }
  return inside
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('a queued writer keeps new readers out, though only a reader is inside', async (t) => {
    const crew = startCrew(t, { cpus: 3 })
    await crew.run(import.meta.url, 'queueUp', 'rwr')
    t.same(entries(crew.task), [1, 2], 'the writer first, then the reader that came after it')
    t.equal(crew.task.words[words(crew.task) + SEM + COUNT], 0)
    t.same(crew.leftovers(), [])
  })

  t.test('writers get it in the order they came', async (t) => {
    const crew = startCrew(t)
    await crew.run(import.meta.url, 'queueUp', 'wwww')
    t.same(entries(crew.task), [1, 2, 3])
  })

  t.test('readers queued behind a writer are granted together, past a writer that waits between them', async (t) => {
    const crew = startCrew(t)
    await crew.run(import.meta.url, 'queueUp', 'wrwr')
    t.same([entries(crew.task).slice(0, 2).sort(), entries(crew.task)[2]], [[1, 3], 2])
    t.equal(crew.task.words[words(crew.task) + SEM + COUNT], 0)
  })

  t.test('a downgrade lets queued readers in beside it, and no writer between', async (t) => {
    const crew = startCrew(t)
    await crew.run(import.meta.url, 'queueUp', 'drwr')
    t.same([entries(crew.task).slice(0, 2).sort(), entries(crew.task)[2]], [[1, 3], 2])
  })

  t.test('a writer woken twice that lost both times is handed the lock: nobody steals any more', async (t) => {
    const { task, other } = solo({ cpus: 3 })
    const [cpu1, cpu2] = [other(1), other(2)]
    const sem = words(task) + SEM
    const stolen: boolean[] = []
    downRead(cpu1, sem, MMAP_SEM)
    const writer = stepped(task, 0, ({ sleep }) => {
      if (sleep !== 'rwsemWrite') return
      upRead(cpu1, sem) // wakes the writer
      const handoff = ((task.words[sem + COUNT] as number) & HANDOFF) !== 0
      stolen.push(!handoff)
      if (handoff) {
        t.equal(downReadTry(cpu2, sem, MMAP_SEM), false)
        t.equal(downWriteTry(cpu2, sem, MMAP_SEM), false)
      } else downRead(cpu1, sem, MMAP_SEM) // a running reader is faster than the woken writer
    })
    downWrite(writer, sem, MMAP_SEM)
    t.same(stolen, [true, true, false])
    t.equal((task.words[sem + COUNT] as number) & HANDOFF, 0, 'the handoff is done')
    upWrite(writer, sem)
    t.equal(task.words[sem + COUNT], 0)
  })

  t.test('a writer is not starved by three readers of whom one is always inside', async (t) => {
    const crew = startCrew(t)
    const [writes, ...reads] = (await crew.run(import.meta.url, 'streamOfReaders', 500)) as number[]
    t.ok((writes as number) >= 500, `${writes} writes while they read ${reads} times`)
    t.equal(crew.task.words[words(crew.task) + SEM + COUNT], 0)
  })
}
