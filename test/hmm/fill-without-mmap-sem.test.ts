/**
 * `rangeFaultUnlocked` takes mmap_sem itself. Does a writer get it while the fill waits for a page that somebody else has? When does
 * it give up: after the deadline, when the thread is killed, when the mirror is dead? And is it never caught with mmap_sem held?
 */
import t from 'tap'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import svm, { SVM_FORMAT } from '../../shared/drivers/svm.ts'
import { frameTryLock, frameUnlock } from '../../shared/frame/frames.ts'
import { type Mirror, mirrorKill } from '../../shared/hmm/mirror.ts'
import type { Range } from '../../shared/hmm/range.ts'
import { EBUSY, EFAULT, EINTR } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmapSem } from '../../shared/notifier/mmhead.ts'
import { kill } from '../../shared/seam/park.ts'
import { readStat } from '../../shared/seam/stats.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downWrite, downWriteTry, upWrite } from '../../shared/sync/rwsem.ts'
import { A, area, frameOf, newSpace, RW, store } from '../support/addressspace.ts'
import { atEveryPoint, sleeps } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

const MS = 1_000_000
const READ = SVM_FORMAT.valid

/** One page of private memory, and a range over it of a device without an engine, in the hands of cpu 0. */
function scene() {
  const { task, other, leftovers } = solo({ drivers: [svm], engines: 0, swapFrames: 16, era: 'unlocked-timeout' })
  const clock = { now: 0 }
  Object.assign(task, { nowNs: () => clock.now })
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 7)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const { dev } = boundDriver(task, 0)
  const range: Range = dev.createRange(1, SVM_FORMAT)
  dev.rangeRequest(range, READ)
  dev.rangeRegister(range, mirror, A, 1)
  return {
    task,
    other,
    clock,
    mm,
    mirror,
    dev,
    range,
    /** Is mmap_sem free for a writer right now? */
    writerGets(cpu: Task) {
      const got = downWriteTry(cpu, mmapSem(mm), MMAP_SEM)
      if (got) upWrite(cpu, mmapSem(mm))
      return got
    },
    close() {
      dev.rangeUnregister(range)
      dev.freeRange(range)
      mmPut(task, mm)
      detachDevice(task, mirror)
      return leftovers()
    },
  }
}

/** Swaps page A out and has `cpu` lock its slot, as a read from disk does; returns what ends that. */
function lockSwappedPage(cpu: Task, { task, mm }: ReturnType<typeof scene>): () => void {
  madvise(task, mm, A, 1, ADVICE.pageout)
  const slot = frameOf(task, mm, A)
  frameTryLock(cpu, slot)
  return () => frameUnlock(cpu, slot)
}

/** Runs `fill` on cpu 0; the first time that it sleeps, calls `meanwhile`, which must let it go on. */
function whenItSleeps(task: Task, fill: () => number, meanwhile: () => void): number {
  let slept = false
  atEveryPoint(task, () => {
    if (slept || !sleeps(task)) return
    slept = true
    meanwhile()
  })
  const result = fill()
  Object.defineProperty(task, 'gate', { configurable: true, writable: true, value: 0 })
  return slept ? result : Number.NaN
}

t.test('nobody is in the way: the pages are filled, and mmap_sem is free', (t) => {
  const made = scene()
  t.equal(made.dev.rangeFaultUnlocked(made.range, 1000), 1)
  t.equal(made.dev.rangeHas(made.range, 0, false), true)
  t.equal(made.writerGets(made.other(1)), true)
  t.same(made.close(), [])
  t.end()
})

t.test('somebody has the page: a writer gets mmap_sem while the fill waits, and the fill comes to its end', (t) => {
  const made = scene()
  const cpu1 = made.other(1)
  const unlock = lockSwappedPage(cpu1, made)
  let writer = false
  const filled = whenItSleeps(
    made.task,
    () => made.dev.rangeFaultUnlocked(made.range, 1000),
    () => {
      writer = made.writerGets(cpu1)
      unlock()
    },
  )
  t.equal(writer, true)
  t.equal(filled, 1)
  t.same(made.close(), [])
  t.end()
})

t.test('the fill that is called with mmap_sem keeps it while it waits', (t) => {
  const made = scene()
  const cpu1 = made.other(1)
  const unlock = lockSwappedPage(cpu1, made)
  made.dev.rangeWait(made.range)
  made.dev.mmapReadLock(made.mirror)
  let writer = true
  const filled = whenItSleeps(
    made.task,
    () => made.dev.rangeFault(made.range),
    () => {
      writer = made.writerGets(cpu1)
      unlock()
    },
  )
  made.dev.mmapReadUnlock(made.mirror)
  t.equal(writer, false)
  t.equal(filled, 1)
  t.same(made.close(), [])
  t.end()
})

for (const [timeoutMs, late, expected] of [
  [20, 19, 1],
  [20, 20, -EBUSY],
  [0, 1_000_000, 1],
] as const) {
  t.test(`a timeout of ${timeoutMs} ms, and ${late} ms of trying: ${expected === 1 ? 'goes on' : '-EBUSY'}`, (t) => {
    const made = scene()
    const cpu1 = made.other(1)
    let attempts = 0
    // Another cpu drops the page right after the fill has begun, and time passes: this attempt is spoilt.
    atEveryPoint(made.task, () => {
      if (attempts > 0 || made.task.words[mmapSem(made.mm)] === 0) return
      attempts++
      madvise(cpu1, made.mm, A, 1, ADVICE.dontneed)
      made.clock.now += late * MS
    })
    t.equal(made.dev.rangeFaultUnlocked(made.range, timeoutMs), expected)
    Object.defineProperty(made.task, 'gate', { configurable: true, writable: true, value: 0 })
    t.equal(readStat(made.task.words, 2, 'retries'), 1)
    t.equal(made.writerGets(cpu1), true, 'without mmap_sem')
    t.same(made.close(), [])
    t.end()
  })
}

t.test('having waited for somebody is progress: the deadline starts anew', (t) => {
  const made = scene()
  const cpu1 = made.other(1)
  const unlock = lockSwappedPage(cpu1, made)
  const filled = whenItSleeps(
    made.task,
    () => made.dev.rangeFaultUnlocked(made.range, 20),
    () => {
      made.clock.now += 1000 * MS
      unlock()
    },
  )
  t.equal(filled, 1)
  t.same(made.close(), [])
  t.end()
})

t.test('killed: -EINTR, whether it waits for mmap_sem or has given it up', (t) => {
  const first = scene()
  const writer = first.other(1)
  downWrite(writer, mmapSem(first.mm), MMAP_SEM)
  kill(first.task, first.task.id)
  t.equal(first.dev.rangeFaultUnlocked(first.range, 0), -EINTR)
  upWrite(writer, mmapSem(first.mm))
  t.equal(first.writerGets(writer), true)

  const second = scene()
  const cpu1 = second.other(1)
  const unlock = lockSwappedPage(cpu1, second)
  const filled = whenItSleeps(
    second.task,
    () => second.dev.rangeFaultUnlocked(second.range, 0),
    () => {
      kill(second.task, second.task.id)
      unlock()
    },
  )
  t.equal(filled, -EINTR)
  t.equal(second.writerGets(cpu1), true)
  for (const made of [first, second]) t.same(made.close(), [])
  t.end()
})

t.test('a dead mirror, or a page that cannot be had: -EFAULT, without mmap_sem', (t) => {
  const dead = scene()
  mirrorKill(dead.task, dead.mirror)
  t.equal(dead.dev.rangeFaultUnlocked(dead.range, 0), -EFAULT)

  const hole = scene()
  hole.dev.rangeUnregister(hole.range)
  hole.dev.rangeRegister(hole.range, hole.mirror, A + 10, 1)
  t.equal(hole.dev.rangeFaultUnlocked(hole.range, 0), -EFAULT)
  for (const made of [dead, hole]) {
    t.equal(made.writerGets(made.other(1)), true)
    t.same(made.close(), [])
  }
  t.end()
})
