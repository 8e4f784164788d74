/**
 * Four threads take and free frames: is a frame ever two threads' at once, and does a reference keep a frame from becoming
 * another one's? Ownership is written into the frame itself, by exchange: whoever finds a foreign name has found a bug.
 */
import { isMainThread } from 'node:worker_threads'
import {
  type Frame,
  frameData,
  frameGeneration,
  frameGet,
  frameGetUnlessZero,
  framePutTest,
  frameRefs,
  NO_FRAME,
} from '../../shared/frame/frames.ts'
import { frameAlloc, framePut, freeFrames, SYSTEM_ZONE, zoneFrames } from '../../shared/frame/zones.ts'
import { CHANCE } from '../../shared/seam/actors.ts'
import { atomicXchg } from '../../shared/seam/atomics.ts'
import { nextBelow } from '../../shared/seam/chance.ts'
import type { Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { solo, violationOf } from '../support/solo.ts'

interface Block {
  readonly frame: Frame
  readonly order: number
}

/** Writes `owner` into every frame of the block. How many of them were not `before`'s. */
function sign({ frame, order }: Block, task: Task, owner: number, before: number): number {
  let foreign = 0
  for (let i = 0; i < 1 << order; i++) if (atomicXchg(task, frameData(task, (frame + i) as Frame), owner) !== before) foreign++
  return foreign
}

/** Takes and frees blocks of 1 to 8 frames. Returns how often a frame was somebody else's. */
export function takeAndFree(task: Task, rounds: number): number {
  const held: Block[] = []
  let foreign = 0
  const give = (index: number) => {
    const [block] = held.splice(index, 1) as [Block]
    foreign += sign(block, task, 0, task.id + 1)
    framePut(task, block.frame)
  }
  for (let i = 0; i < rounds; i++) {
    const order = nextBelow(task.words, task.record + CHANCE, 4)
    const frame = frameAlloc(task, SYSTEM_ZONE, 0, order)
    if (frame !== NO_FRAME) {
      foreign += sign({ frame, order }, task, task.id + 1, 0)
      held.push({ frame, order })
    }
    if (held.length > 0 && (frame === NO_FRAME || held.length > 40))
      give(nextBelow(task.words, task.record + CHANCE, held.length))
  }
  while (held.length > 0) give(0)
  return foreign
}

/**
 * Half of the threads take and free single frames; the others pick frames by number, as a lock-free lookup does, and look at
 * the generation while they hold one. Returns how often it changed under them.
 */
export function lookUp(task: Task, rounds: number): number {
  if (task.id % 2 === 0) return takeAndFree(task, rounds)
  const { first } = zoneFrames(task, SYSTEM_ZONE)
  let changed = 0
  for (let i = 0; i < rounds; i++) {
    const frame = (first + nextBelow(task.words, task.record + CHANCE, 64)) as Frame
    if (!frameGetUnlessZero(task, frame)) continue
    const generation = frameGeneration(task, frame)
    frameGet(task, frame)
    framePut(task, frame)
    if (frameRefs(task, frame) < 1 || frameGeneration(task, frame) !== generation) changed++
    framePut(task, frame)
  }
  return changed
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('no frame is two threads’ at once, on a zone that runs empty', async (t) => {
    const crew = startCrew(t, { bytes: 1024 * 1024 })
    t.same(await crew.run(import.meta.url, 'takeAndFree', 8_000), [0, 0, 0, 0])
    t.equal(freeFrames(crew.task, SYSTEM_ZONE), zoneFrames(crew.task, SYSTEM_ZONE).count)
    t.same(crew.leftovers(), [])
  })

  t.test('the same with noise at every point', async (t) => {
    const crew = startCrew(t, { bytes: 1024 * 1024, noise: 0.02 })
    t.same(await crew.run(import.meta.url, 'takeAndFree', 1_000), [0, 0, 0, 0])
    t.same(crew.leftovers(), [])
  })

  t.test('who holds a reference sees one generation', async (t) => {
    const crew = startCrew(t, { bytes: 1024 * 1024 })
    t.same(await crew.run(import.meta.url, 'lookUp', 8_000), [0, 0, 0, 0])
    t.same(crew.leftovers(), [])
  })

  t.test('the generation moves when the frame is freed, and only then', async (t) => {
    const { task, leftovers } = solo()
    const frame = frameAlloc(task, SYSTEM_ZONE)
    const born = frameGeneration(task, frame)
    frameGet(task, frame)
    framePut(task, frame)
    t.equal(frameGeneration(task, frame), born, 'a reference was dropped, not the last')
    t.equal(framePutTest(task, frame), true)
    t.equal(frameGeneration(task, frame), born, 'nobody holds it, but it is not free yet')
    t.equal(frameGetUnlessZero(task, frame), false)
    t.match(
      violationOf(() => frameGet(task, frame)),
      /^LIFE: a reference is taken on frame \d+, which nobody holds$/,
    )
    t.not(leftovers().length, 0, 'and it is missed')
  })

  t.test('the last put frees, once', async (t) => {
    const { task, leftovers } = solo()
    const frame = frameAlloc(task, SYSTEM_ZONE)
    const born = frameGeneration(task, frame)
    framePut(task, frame)
    t.equal(frameGeneration(task, frame), born + 1)
    t.throws(() => framePut(task, frame), /a reference is dropped by who holds it/)
    t.same(leftovers(), [])
  })

  t.test('this test can fail: a frame with a foreign name in it counts', async (t) => {
    const { task } = solo()
    const block = { frame: frameAlloc(task, SYSTEM_ZONE, 0, 1), order: 1 }
    t.equal(sign(block, task, 1, 0), 0)
    t.equal(sign(block, task, 2, 0), 2, 'both frames are actor 0’s')
  })
}
