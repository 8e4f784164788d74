/** Who may hold an rwsem at the same time, and who is refused or reported? */
import t from 'tap'
import { regionAt } from '../../shared/memory/regions.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { isHeld } from '../../shared/sync/held.ts'
import {
  downgradeWrite,
  downRead,
  downReadTry,
  downWrite,
  downWriteTry,
  rwsemIsHeld,
  rwsemWriter,
  upRead,
  upWrite,
} from '../../shared/sync/rwsem.ts'
import { solo, violationOf } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

function semOf(task: Task): number {
  return regionAt(task.words, 'programs')
}

t.test('sixteen readers hold it together, and a writer comes in only after the last of them', async (t) => {
  const { task, other, leftovers } = solo({ cpus: 16 })
  const sem = semOf(task)
  const readers = Array.from({ length: 16 }, (_, id) => other(id))
  for (const reader of readers) downRead(reader, sem, MMAP_SEM)
  const main = other(16)
  for (const reader of readers) {
    t.equal(downWriteTry(main, sem, MMAP_SEM), false)
    t.equal(isHeld(reader, sem), true)
    t.equal(isHeld(reader, sem, false), false, 'but not for writing')
    upRead(reader, sem)
  }
  t.equal(rwsemIsHeld(task, sem), false)
  t.equal(downWriteTry(main, sem, MMAP_SEM), true)
  upWrite(main, sem)
  t.same(leftovers(), [])
})

t.test('a writer is alone, and has a name', async (t) => {
  const { task, other } = solo()
  const sem = semOf(task)
  const cpu1 = other(1)
  t.equal(rwsemWriter(task, sem), -1)
  downWrite(task, sem, MMAP_SEM)
  t.equal(downReadTry(cpu1, sem, MMAP_SEM), false)
  t.equal(downWriteTry(cpu1, sem, MMAP_SEM), false)
  t.equal(rwsemWriter(cpu1, sem), 0)
  t.equal(rwsemIsHeld(cpu1, sem), true)
  upWrite(task, sem)
  t.equal(rwsemWriter(cpu1, sem), -1)
  t.equal(downReadTry(cpu1, sem, MMAP_SEM), true)
  upRead(cpu1, sem)
})

t.test('a try fails while somebody is queued, though readers alone are inside', async (t) => {
  const { task, other } = solo({ cpus: 4 })
  const [cpu1, cpu2] = [other(1), other(2)]
  const sem = semOf(task)
  downRead(cpu1, sem, MMAP_SEM)
  t.equal(downReadTry(cpu2, sem, MMAP_SEM), true, 'nobody is queued yet')
  upRead(cpu2, sem)
  let tried = 0
  const writer = stepped(task, 0, ({ sleep }) => {
    if (sleep !== 'rwsemWrite') return
    tried++
    t.equal(downReadTry(cpu2, sem, MMAP_SEM), false)
    t.equal(downWriteTry(cpu2, sem, MMAP_SEM), false)
    upRead(cpu1, sem)
    t.equal(downReadTry(cpu2, sem, MMAP_SEM), false, 'free, and still queued for')
    t.equal(downWriteTry(cpu2, sem, MMAP_SEM), false)
  })
  downWrite(writer, sem, MMAP_SEM)
  t.equal(tried, 1)
  upWrite(writer, sem)
  t.equal(downReadTry(cpu2, sem, MMAP_SEM), true)
})

t.test('a downgraded writer is a reader: others read, nobody writes, and only upRead is right', async (t) => {
  const { task, other } = solo()
  const cpu1 = other(1)
  const sem = semOf(task)
  downWrite(task, sem, MMAP_SEM)
  downgradeWrite(task, sem, MMAP_SEM)
  t.equal(rwsemWriter(task, sem), -1)
  t.equal(isHeld(task, sem, false), false)
  t.equal(downReadTry(cpu1, sem, MMAP_SEM), true)
  t.equal(downWriteTry(cpu1, sem, MMAP_SEM), false)
  upRead(cpu1, sem)
  upRead(task, sem)
  t.equal(rwsemIsHeld(task, sem), false)
})

t.test('reading twice is reported: a writer between the two would hang both', async (t) => {
  const { task } = solo()
  const sem = semOf(task)
  downRead(task, sem, MMAP_SEM)
  t.match(
    violationOf(() => downRead(task, sem, MMAP_SEM)),
    /^DLK: mmap_sem is taken again by an actor that holds it already/,
  )
})

t.test('so is writing with a read hold', async (t) => {
  const { task } = solo()
  const sem = semOf(task)
  downRead(task, sem, MMAP_SEM)
  t.match(
    violationOf(() => downWrite(task, sem, MMAP_SEM)),
    /^DLK: mmap_sem is taken again/,
  )
})

t.test('who does not hold it may not drop it, and a reader may not downgrade', async (t) => {
  for (const [drop, message] of [
    [(task: Task) => upRead(task, semOf(task)), /^CON: unlock of a lock that this actor does not hold/],
    [(task: Task) => upWrite(task, semOf(task)), /^CON: unlock of a lock that this actor does not hold/],
    [(task: Task) => downgradeWrite(task, semOf(task), MMAP_SEM), /^CON: mmap_sem must be held for writing here/],
  ] as const) {
    const { task, other } = solo()
    downRead(other(1), semOf(task), MMAP_SEM)
    t.match(
      violationOf(() => drop(task)),
      message,
    )
  }
})

t.test('without checks, one that was never taken still cannot be dropped', async (t) => {
  const { task } = solo({ checked: false })
  t.throws(() => upRead(task, semOf(task)), /broken invariant: a reader leaves a semaphore that it holds/)
  const again = solo({ checked: false }).task
  t.throws(() => upWrite(again, semOf(again)), /broken invariant: a writer leaves a semaphore that it holds/)
})
