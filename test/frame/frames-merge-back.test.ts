/**
 * Does the buddy allocator hand out blocks that never overlap, find a block whenever there is one, and put everything together
 * again? Compared, step by step, with a model that is nothing but a list of who has which frame.
 */
import fc from 'fast-check'
import t from 'tap'
import {
  FRAME_FREE,
  type Frame,
  frameFlags,
  frameGeneration,
  frameGetUnlessZero,
  frameRefs,
  NO_FRAME,
} from '../../shared/frame/frames.ts'
import { frameAlloc, framePut, freeFrames, HUGE_ORDER, lowMark, SYSTEM_ZONE, zoneFrames } from '../../shared/frame/zones.ts'
import type { Task } from '../../shared/seam/task.ts'
import { solo } from '../support/solo.ts'

const BYTES = 12 * 1024 * 1024

/** Who has which frame: 0 free, otherwise the number of a block. And how often each frame was freed. */
class Model {
  readonly owner: Int32Array
  readonly freed: Int32Array
  readonly first: number

  constructor(first: number, count: number) {
    this.first = first
    this.owner = new Int32Array(count)
    this.freed = new Int32Array(count)
  }

  /** Is there an aligned run of 2^order free frames? A buddy allocator that joins all that can be joined then has a block. */
  has(order: number): boolean {
    const size = 1 << order
    for (let at = 0; at + size <= this.owner.length; at += size) if (this.isFree(at, size)) return true
    return false
  }

  isFree(at: number, size: number): boolean {
    return this.owner.subarray(at, at + size).every((owner) => owner === 0)
  }

  free(): number {
    return this.owner.reduce((sum, owner) => sum + (owner === 0 ? 1 : 0), 0)
  }
}

interface Block {
  readonly frame: Frame
  readonly order: number
}

/** Takes a block of `order` and compares the answer with the model. */
function take(task: Task, model: Model, blocks: Block[], order: number, name: number): string | null {
  const frame = frameAlloc(task, SYSTEM_ZONE, 0, order)
  if (frame === NO_FRAME) return model.has(order) ? `no block of order ${order}, though there is one` : null
  const at = frame - model.first
  const size = 1 << order
  if (at < 0 || at % size !== 0 || at + size > model.owner.length) return `frame ${frame} is no block of order ${order}`
  if (!model.isFree(at, size)) return `frame ${frame}, order ${order}, overlaps a block that is in use`
  model.owner.fill(name, at, at + size)
  blocks.push({ frame, order })
  return frameRefs(task, frame) === 1 ? null : `frame ${frame} comes with ${frameRefs(task, frame)} references`
}

function give(task: Task, model: Model, { frame, order }: Block): string | null {
  framePut(task, frame)
  const at = frame - model.first
  model.owner.fill(0, at, at + (1 << order))
  for (let i = at; i < at + (1 << order); i++) model.freed[i] = (model.freed[i] as number) + 1
  return null
}

/** What the frame records say that the model does not. */
function compare(task: Task, model: Model): string | null {
  if (freeFrames(task, SYSTEM_ZONE) !== model.free()) return `${freeFrames(task, SYSTEM_ZONE)} free, should be ${model.free()}`
  for (let i = 0; i < model.owner.length; i++) {
    const frame = (model.first + i) as Frame
    const free = model.owner[i] === 0
    if (frameGeneration(task, frame) !== model.freed[i]) return `generation of frame ${frame} is ${frameGeneration(task, frame)}`
    if (((frameFlags(task, frame) & FRAME_FREE) !== 0) !== free) return `frame ${frame} should ${free ? '' : 'not '}be free`
    if (free && frameRefs(task, frame) !== 0) return `free frame ${frame} has ${frameRefs(task, frame)} references`
  }
  return null
}

/** Takes (even numbers) and gives back (odd ones) as the numbers say, then gives everything back. */
function follow(task: Task, steps: readonly number[]): string | null {
  const { first, count } = zoneFrames(task, SYSTEM_ZONE)
  const model = new Model(first, count)
  const blocks: Block[] = []
  for (const [i, step] of steps.entries()) {
    const choice = Math.floor(step / 2)
    const drop = step % 2 === 1 && blocks.length > 0
    const wrong = drop
      ? give(task, model, blocks.splice(choice % blocks.length, 1)[0] as Block)
      : take(task, model, blocks, choice % (HUGE_ORDER + 1), i + 1)
    if (wrong !== null) return wrong
  }
  const wrong = compare(task, model)
  for (const block of blocks) give(task, model, block)
  return wrong ?? compare(task, model)
}

/** How many blocks of each order can be had at once. */
function census(task: Task): number[] {
  return Array.from({ length: HUGE_ORDER + 1 }, (_, order) => {
    const taken: Frame[] = []
    for (let frame = frameAlloc(task, SYSTEM_ZONE, 0, order); frame !== NO_FRAME; frame = frameAlloc(task, SYSTEM_ZONE, 0, order))
      taken.push(frame)
    for (const frame of taken) framePut(task, frame)
    return taken.length
  })
}

t.test('any sequence of takes and puts of any order', async (t) => {
  const property = fc.property(fc.array(fc.nat(1 << 16), { minLength: 20, maxLength: 300 }), (steps) => {
    const { task, leftovers } = solo({ bytes: BYTES })
    const wrong = follow(task, steps)
    if (wrong !== null) throw new Error(wrong)
    if (leftovers().length > 0) throw new Error(leftovers().join('; '))
  })
  t.doesNotThrow(() => fc.assert(property, { seed: 1971, numRuns: 120 }))
})

t.test('after everything was taken apart frame by frame, the blocks are what they were', async (t) => {
  const { task, leftovers } = solo({ bytes: BYTES })
  const { count } = zoneFrames(task, SYSTEM_ZONE)
  const whole = Array.from({ length: HUGE_ORDER + 1 }, (_, order) => count >> order)
  t.same(census(task), whole, 'every order fills the zone as far as it can')
  const singles: Frame[] = []
  for (let frame = frameAlloc(task, SYSTEM_ZONE); frame !== NO_FRAME; frame = frameAlloc(task, SYSTEM_ZONE)) singles.push(frame)
  t.equal(singles.length, count, 'exhaustion comes with the last frame, not before')
  t.equal(freeFrames(task, SYSTEM_ZONE), 0)
  t.equal(lowMark(task, SYSTEM_ZONE), 0)
  // Every other frame first: nothing can be joined until the second half comes.
  for (const frame of singles.filter((_, i) => i % 2 === 0)) framePut(task, frame)
  t.equal(frameAlloc(task, SYSTEM_ZONE, 0, 1), NO_FRAME, 'half the zone is free and no two neighbours are')
  for (const frame of singles.filter((_, i) => i % 2 === 1)) framePut(task, frame)
  t.same(census(task), whole)
  t.same(leftovers(), [])
})

t.test('a block has one reference, at its head: nobody can hold a frame behind it', async (t) => {
  const { task, leftovers } = solo()
  const block = frameAlloc(task, SYSTEM_ZONE, 0, 2)
  const behind = [1, 2, 3].map((i) => (block + i) as Frame)
  t.equal(frameRefs(task, block), 1)
  t.same(
    behind.map((frame) => frameGetUnlessZero(task, frame)),
    [false, false, false],
  )
  t.equal(frameGetUnlessZero(task, block), true)
  framePut(task, block)
  framePut(task, block)
  t.equal(frameGetUnlessZero(task, block), false, 'a free frame')
  t.same(leftovers(), [])
})

t.test('the frame freed last is the frame handed out first', async (t) => {
  const { task, leftovers } = solo()
  const frames = [1, 2, 3].map(() => frameAlloc(task, SYSTEM_ZONE))
  const kept = frames.map(() => frameAlloc(task, SYSTEM_ZONE))
  const again: Frame[] = []
  for (const frame of frames) framePut(task, frame)
  again.push(frameAlloc(task, SYSTEM_ZONE))
  t.equal(again[0], frames[2])
  for (const frame of [...again, ...kept]) framePut(task, frame)
  t.same(leftovers(), [])
})

t.test('machines of one size hand out the same numbers', async (t) => {
  const one = solo()
  const two = solo()
  const firstTen = (task: Task) => Array.from({ length: 10 }, () => frameAlloc(task, SYSTEM_ZONE))
  t.same(firstTen(two.task), firstTen(one.task))
})
