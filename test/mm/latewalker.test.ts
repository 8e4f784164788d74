/**
 * May somebody who holds no mmap_sem lock a leaf table while munmap takes it away? He finds the table through rcu, waits for
 * its lock, and may find it dead by then. The section must last until he has dropped the lock of the dead table again:
 *
 *     walker                                   munmap
 *     rcu: finds leaf L
 *                                              unlinks L, marks it dead
 *     locks L: dead
 *     leaves the rcu section
 *                                              grace period over: frees L
 *     unlocks L                                [Forbidden: L is freed]
 */
import t from 'tap'
import { reapDeferred } from '../../shared/frame/deferred.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { mmRoot } from '../../shared/mm/mm.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { findLeaf, lockLeaf, NO_TABLE, unlockLeaf } from '../../shared/mm/pagetable.ts'
import { A, area, newSpace, RW, store } from '../support/addressspace.ts'
import { atPoints } from '../support/points.ts'
import { solo, violationOf } from '../support/solo.ts'

interface Walk {
  readonly points: number
  readonly found: boolean
  readonly violation: string | null
  readonly left: readonly string[]
}

/** The walk, with munmap at point `unmapAt` and freeing of what has had its grace period at point `reapAt`. */
function walk(unmapAt: number, reapAt: number): Walk {
  const machine = solo({ bytes: 1024 * 1024 })
  const { task } = machine
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  const unmap = () => munmap(task, mm, A, 1)
  let [points, found, unmapped] = [0, false, false]
  // One thread: munmap may not wait for the walker. The lock is the first word of a table (mm/pagetable.ts).
  const lock = findLeaf(task, mmRoot(task, mm), A)
  const lockIsFree = () => task.words[lock] === 0
  const violation = violationOf(() => {
    points = atPoints(
      machine,
      1,
      (walker) => {
        const leaf = lockLeaf(walker, mmRoot(task, mm), A)
        found = leaf !== NO_TABLE
        if (found) unlockLeaf(walker, leaf)
      },
      (point) => {
        if (point === unmapAt && lockIsFree()) {
          unmap()
          unmapped = true
        }
        if (point === reapAt) reapDeferred(task)
      },
    )
  })
  if (violation !== null) return { points, found, violation, left: [] } // the machine has been halted
  if (!unmapped) unmap()
  mmPut(task, mm)
  return { points, found, violation, left: machine.leftovers() }
}

t.test('at whatever points it happens, a walker never touches a freed table', async (t) => {
  const { points } = walk(-1, -1)
  t.ok(points > 5)
  let missed = 0
  for (let unmapAt = 0; unmapAt < points; unmapAt++) {
    for (let reapAt = unmapAt; reapAt < points; reapAt++) {
      const { found, violation, left } = walk(unmapAt, reapAt)
      t.equal(violation, null, `unmapped at point ${unmapAt}, freed at point ${reapAt}`)
      t.same(left, [])
      if (!found) missed++
    }
  }
  t.ok(missed > 0, 'some walks came too late and found nothing')
})
