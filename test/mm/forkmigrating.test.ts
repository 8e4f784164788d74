/**
 * Fork while a page is on its way: an eviction takes pages out of a device's memory, and holds no mmap_sem. The page was the
 * parent's own; once it has arrived it must belong to both, or the child writes into the parent's memory.
 */
import t from 'tap'
import { frameGet, frameLock, frameUnlock } from '../../shared/frame/frames.ts'
import { framePut } from '../../shared/frame/zones.ts'
import { pinOwner, unpinOwner } from '../../shared/mm/anonvma.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { removeMigrationEntries, unmapForMigration } from '../../shared/mm/migration.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { A, area, frameOf, load, newSpace, RW, store, wrongCounts } from '../support/addressspace.ts'
import { atEveryPoint, sleeps } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

t.test('what the child writes afterwards the parent does not see', async (t) => {
  const { task, other, leftovers } = solo()
  const mover = other(1)
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  const frame = frameOf(task, mm, A)
  frameGet(mover, frame)
  frameLock(mover, frame)
  const owner = pinOwner(mover, frame)
  unmapForMigration(mover, frame)
  let arrived = false
  const arrive = () => {
    arrived = true
    removeMigrationEntries(mover, { from: frame, to: frame, pages: 1, owner, zeros: false })
    unpinOwner(mover, owner)
    frameUnlock(mover, frame)
    framePut(mover, frame)
  }
  atEveryPoint(task, () => {
    if (!arrived && sleeps(task)) arrive()
  })
  const child = fork(task, mm, 2)
  if (!arrived) arrive()
  switchMm(task, child)
  t.equal(store(task, A, 9), 'ok')
  switchMm(task, mm)
  t.equal(load(task, A), 1)
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
