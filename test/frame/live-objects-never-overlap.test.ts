/** Does every live object keep its words to itself, whatever is taken and freed, in whatever order, by how many threads? */
import { isMainThread } from 'node:worker_threads'
import { allocObject, freeObject, liveObjects, type ObjectKind, objectKind } from '../../shared/frame/objects.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { LINE_WORDS, type WordAt } from '../../shared/memory/words.ts'
import { CHANCE } from '../../shared/seam/actors.ts'
import { atomicXchg } from '../../shared/seam/atomics.ts'
import { nextBelow } from '../../shared/seam/chance.ts'
import type { Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { solo } from '../support/solo.ts'

/** One kind for each size class, and one that shares a class. */
const LINES = [1, 2, 3, 4, 6, 8, 16, 33, 65, 129, 5]
const KINDS = LINES.map((lines, i) => objectKind(32 + i, `object of ${lines} lines`, lines * LINE_WORDS))
const SMALL = KINDS.slice(0, 4)

/** Writes `stamp` over the object. */
function stampObject(task: Task, kind: number, at: WordAt, stamp: number): void {
  task.words.fill(stamp, at, at + (KINDS[kind]?.words ?? 0))
}

/** True while every word of the object is still `stamp`. */
function isIntact(task: Task, kind: number, at: WordAt, stamp: number): boolean {
  return task.words.subarray(at, at + (KINDS[kind]?.words ?? 0)).every((word) => word === stamp)
}

interface Live {
  readonly kind: number
  readonly at: WordAt
  readonly stamp: number
}

/** Takes (even numbers) and frees (odd ones) as the numbers say. Returns what went wrong. */
function follow(task: Task, steps: readonly number[]): string[] {
  const live: Live[] = []
  const wrong: string[] = []
  const free = (index: number) => {
    const [{ kind, at, stamp }] = live.splice(index, 1) as [Live]
    if (!isIntact(task, kind, at, stamp)) wrong.push(`a ${KINDS[kind]?.name} changed while it lived`)
    freeObject(task, KINDS[kind] as ObjectKind, at)
  }
  for (const [stamp, step] of steps.entries()) {
    const choice = Math.floor(step / 2)
    if (step % 2 === 1) {
      if (live.length > 0) free(choice % live.length)
      continue
    }
    const kind = choice % KINDS.length
    const at = allocObject(task, KINDS[kind] as ObjectKind)
    if (at === 0) continue // a full heap: the frees to come make room
    if (!isIntact(task, kind, at, 0)) wrong.push(`a new ${KINDS[kind]?.name} is not zeroed`)
    stampObject(task, kind, at, stamp + 1)
    live.push({ kind, at, stamp: stamp + 1 })
  }
  for (const [kind, one] of KINDS.entries()) {
    const count = live.filter((object) => object.kind === kind).length
    if (liveObjects(task, one) !== count) wrong.push(`${liveObjects(task, one)} live ${one.name}, there are ${count}`)
  }
  while (live.length > 0) free(0)
  return wrong
}

/** First word of the test's own: SLOTS places through which threads hand objects to each other. */
const SLOTS = 64

/** Puts objects into random places and frees what it finds there: what one thread takes, another one frees. */
export function pass(task: Task, rounds: number): string[] {
  const wrong: string[] = []
  const places = regionAt(task.words, 'programs')
  for (let i = 0; i < rounds; i++) {
    const place = nextBelow(task.words, task.record + CHANCE, SLOTS)
    const kind = place % SMALL.length
    const at = allocObject(task, KINDS[kind] as ObjectKind)
    if (at !== 0) {
      if (!isIntact(task, kind, at, 0)) wrong.push('not zeroed')
      stampObject(task, kind, at, at)
    }
    const found = atomicXchg(task, places + place, at)
    if (found === 0) continue
    if (!isIntact(task, kind, found, found)) wrong.push('changed while it lived')
    freeObject(task, KINDS[kind] as ObjectKind, found)
  }
  return wrong
}

if (isMainThread) {
  const t = (await import('tap')).default
  const { default: fc } = await import('fast-check')

  for (const checked of [false, true]) {
    t.test(`any sequence of takes and frees, ${checked ? 'checked' : 'unchecked'}, on a heap that runs full`, async (t) => {
      const property = fc.property(fc.array(fc.nat(1 << 20), { minLength: 50, maxLength: 400 }), (steps) => {
        const { task, leftovers } = solo({ bytes: 512 * 1024, checked })
        const wrong = [...follow(task, steps), ...leftovers()]
        if (wrong.length > 0) throw new Error(wrong.join('; '))
      })
      t.doesNotThrow(() => fc.assert(property, { seed: 15, numRuns: 100 }))
    })
  }

  t.test('four threads take objects and free each other’s', async (t) => {
    const crew = startCrew(t)
    const results = await crew.run(import.meta.url, 'pass', 8_000)
    t.same(results, [[], [], [], []])
    const places = regionAt(crew.task.words, 'programs')
    for (let place = 0; place < SLOTS; place++) {
      const at = crew.task.words[places + place] as number
      if (at !== 0) freeObject(crew.task, KINDS[place % SMALL.length] as ObjectKind, at)
    }
    t.same(crew.leftovers(), [])
  })

  t.test('this test can fail: an object that is written to by somebody else is noticed', async (t) => {
    const { task } = solo()
    const at = allocObject(task, KINDS[0] as ObjectKind)
    stampObject(task, 0, at, 5)
    t.equal(isIntact(task, 0, at, 5), true)
    task.words[at + 15] = 6
    t.equal(isIntact(task, 0, at, 5), false)
  })
}
