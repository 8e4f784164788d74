/** What if somebody who goes by frames has just the lock of the frame that a page is to be moved to? The page stays where it is, this time. */
import t from 'tap'
import { frameTryLock, frameUnlock } from '../../shared/frame/frames.ts'
import { moveFrame } from '../../shared/mm/compact.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { pteFrame } from '../../shared/mm/pte.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { NO_MM } from '../../shared/notifier/mmhead.ts'
import { listen } from '../../shared/seam/probe.ts'
import { A, area, newSpace, RW, store } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

t.test('a frame that another mover looks at takes no page, and nothing is lost', async (t) => {
  const { task, other, leftovers } = solo()
  const second = other(1)
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  t.equal(store(task, A, 7), 'ok')
  const frame = pteFrame(cpuEntry(task, mm, A))
  let meets = true
  let met = 0
  // The other mover comes by when the frame is out of the allocator and its taker has not locked it yet.
  listen(task, 'frameAlloc', (_task, taken) => {
    if (meets) met = frameTryLock(second, taken as typeof frame) ? taken : 0
  })
  t.equal(moveFrame(task, frame), false)
  t.equal(pteFrame(cpuEntry(task, mm, A)), frame)
  t.not(met, 0)
  frameUnlock(second, met as typeof frame)
  meets = false
  t.equal(moveFrame(task, frame), true, 'and next time it goes')
  t.not(pteFrame(cpuEntry(task, mm, A)), frame)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
