/**
 * What if somebody who waited for what a frame was before has just its lock, when the frame is handed out to be a migration's target? Its
 * taker waits for that moment, and has the lock then. (It once went on without: a lock was dropped by somebody who did not have it.)
 */
import t from 'tap'
import type { Frame } from '../../shared/frame/frames.ts'
import { frameIsLocked, frameTryLock, frameUnlock } from '../../shared/frame/frames.ts'
import { frameAllocLocked, framePut, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { listen } from '../../shared/seam/probe.ts'
import { solo } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

t.test('the taker waits, and then the lock is its own', (t) => {
  const { task, other, leftovers } = solo()
  const waiter = other(1)
  let held: Frame | null = null
  let slept = ''
  const taker = stepped(task, 0, ({ sleep }) => {
    if (sleep === 'none' || held === null) return
    slept = sleep
    frameUnlock(waiter, held)
    held = null
  })
  listen(taker, 'frameAlloc', (_task, taken) => {
    t.ok(frameTryLock(waiter, taken as Frame), 'it waited for a page that was here')
    held = taken as Frame
  })
  const frame = frameAllocLocked(taker, SYSTEM_ZONE)
  t.equal(slept, 'lock')
  t.ok(frameIsLocked(task, frame))
  t.notOk(frameTryLock(waiter, frame))
  frameUnlock(taker, frame)
  framePut(taker, frame)
  t.same(leftovers(), [])
  t.end()
})
