/**
 * What is left of a block that was taken apart: 512 frames that can be locked, held and freed each on its own, whoever was
 * waiting for one of them meanwhile.
 */
import t from 'tap'
import {
  BLOCK_FRAMES,
  FRAME_DIRTY,
  FRAME_LAZY_FREE,
  type Frame,
  frameClearFlags,
  frameFlags,
  frameGetUnlessZero,
  frameHead,
  frameIndex,
  frameIsBlock,
  frameLock,
  frameLockedByMe,
  frameMarkDirty,
  frameRefs,
  frameSetFlags,
  frameSetMapping,
  frameTryLock,
  frameUnlock,
  frameWaitUnlocked,
} from '../../shared/frame/frames.ts'
import { blockAllocZeroed, frameAlloc, framePut, freeFrames, SYSTEM_ZONE, splitBlock } from '../../shared/frame/zones.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { everyPreemption } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

function pieces(head: Frame): Frame[] {
  return Array.from({ length: BLOCK_FRAMES }, (_, i) => (head + i) as Frame)
}

/** Takes a block apart that the caller alone holds, and gives everything back. */
function splitAndDrop(task: Task, head: Frame): void {
  assert(frameTryLock(task, head), 'nobody holds the block')
  splitBlock(task, head)
  for (const frame of pieces(head)) {
    frameUnlock(task, frame)
    framePut(task, frame)
  }
}

t.test('each of the frames has a reference, a lock and an owner of its own', async (t) => {
  const { task, leftovers } = solo()
  const head = blockAllocZeroed(task)
  frameSetMapping(task, head, 77, 1000)
  t.ok(pieces(head).every((frame) => frameHead(task, frame) === head))
  frameTryLock(task, head)
  splitBlock(task, head)
  for (const frame of pieces(head)) {
    t.notOk(frameIsBlock(task, frame))
    t.equal(frameRefs(task, frame), 1)
    t.ok(frameLockedByMe(task, frame))
    t.equal(frameIndex(task, frame), 1000 + frame - head)
  }
  for (const frame of pieces(head)) {
    frameUnlock(task, frame)
    framePut(task, frame)
  }
  t.same(leftovers(), [], 'and they grow together again')
})

t.test('a block is dirty or clean, and free to go or not, as a whole; so are the frames it becomes', async (t) => {
  const { task, leftovers } = solo()
  const lazy = blockAllocZeroed(task, FRAME_DIRTY)
  frameClearFlags(task, lazy, FRAME_DIRTY)
  frameSetFlags(task, lazy, FRAME_LAZY_FREE)
  const written = blockAllocZeroed(task)
  frameMarkDirty(task, (written + 100) as Frame)
  const bits = FRAME_DIRTY | FRAME_LAZY_FREE
  for (const [head, expected] of [
    [lazy, FRAME_LAZY_FREE],
    [written, FRAME_DIRTY],
  ] as const) {
    frameTryLock(task, head)
    splitBlock(task, head)
    t.ok(pieces(head).every((frame) => (frameFlags(task, frame) & bits) === expected))
    for (const frame of pieces(head)) {
      frameUnlock(task, frame)
      framePut(task, frame)
    }
  }
  t.same(leftovers(), [])
})

t.test('who waits for a piece while its block is taken apart drops the lock that he took', async (t) => {
  const schedules = everyPreemption(() => {
    const { task, other, leftovers } = solo()
    const waiter = other(1)
    const head = blockAllocZeroed(task)
    let split = false
    return {
      first: waiter,
      run: () => frameWaitUnlocked(waiter, (head + 5) as Frame),
      second: task,
      meanwhile: () => {
        if (frameLockedByMe(waiter, head)) return // the splitter's turn comes afterwards
        splitAndDrop(task, head)
        split = true
      },
      check: () => {
        if (!split) splitAndDrop(task, head)
        const left = leftovers()
        if (left.length > 0) throw new Error(left.join())
        for (const frame of pieces(head)) {
          if (!frameTryLock(task, frame)) throw new Error(`frame ${frame} is still locked`)
        }
      },
    }
  })
  t.ok(schedules >= 2, `${schedules} schedules`)
})

t.test('a piece cannot be had by its number, neither in use nor free', async (t) => {
  const { task, leftovers } = solo()
  const free = freeFrames(task, SYSTEM_ZONE)
  const head = blockAllocZeroed(task)
  t.equal(freeFrames(task, SYSTEM_ZONE), free - BLOCK_FRAMES)
  t.notOk(frameGetUnlessZero(task, (head + 1) as Frame))
  const single = frameAlloc(task, SYSTEM_ZONE)
  t.ok(single < head || single >= head + BLOCK_FRAMES)
  framePut(task, single)
  framePut(task, (head + 3) as Frame)
  t.equal(freeFrames(task, SYSTEM_ZONE), free, 'the last reference frees it whole, through whatever piece it is dropped')
  frameLock(task, head)
  frameUnlock(task, head)
  t.same(leftovers(), [])
})
