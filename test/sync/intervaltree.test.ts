/** Does the tree answer as a plain sorted array would, up to 0xffffffff and with any overlaps, and does it stay shallow? */
import fc from 'fast-check'
import t from 'tap'
import { allocObject, freeObject, objectKind } from '../../shared/frame/objects.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { getU32, put } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'
import {
  intervalAtOrAfter,
  intervalBefore,
  intervalErase,
  intervalFirst,
  intervalInsert,
  intervalLast,
  intervalNext,
  intervalStart,
} from '../../shared/sync/intervaltree.ts'
import { solo } from '../support/solo.ts'

const LAST_U32 = 0xffffffff
const NODE_KIND = objectKind(31, 'interval under test', 16)
/** Words of a node: its children, and the largest end below it. */
const MAX_LAST = 2
const LEFT = 3
const RIGHT = 4

interface Interval {
  readonly node: number
  readonly start: number
  readonly last: number
}

function rootOf(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** The model: an array in the tree's order. */
function inOrder(model: readonly Interval[]): Interval[] {
  return [...model].sort((a, b) => a.start - b.start) // stable: as they came
}

function overlapping(model: readonly Interval[], start: number, last: number): number[] {
  return inOrder(model)
    .filter((one) => one.start <= last && one.last >= start)
    .map((one) => one.node)
}

/** What the tree says overlaps [start, last], by first and next. */
function walk(task: Task, start: number, last: number): number[] {
  const found: number[] = []
  const root = rootOf(task)
  for (let node = intervalFirst(task, root, start, last); node !== 0; node = intervalNext(task, root, node, start, last)) {
    found.push(node)
    if (found.length > 1000) throw new Error('the walk does not end')
  }
  return found
}

/** Largest end below `node`, checked against MAX_LAST on the way; -1 for none. Order is checked by the walks. */
function largestEnd(task: Task, node: number): number {
  if (node === 0) return -1
  const below = [task.words[node + LEFT] as number, task.words[node + RIGHT] as number].map((child) => largestEnd(task, child))
  const largest = Math.max(intervalLast(task, node), ...below)
  if (getU32(task, node + MAX_LAST) !== largest) throw new Error(`MAX_LAST is ${getU32(task, node + MAX_LAST)}, not ${largest}`)
  return largest
}

function depth(task: Task, node: number): number {
  if (node === 0) return 0
  return 1 + Math.max(depth(task, task.words[node + LEFT] as number), depth(task, task.words[node + RIGHT] as number))
}

/** Points where signs, words and the end of the range make a difference, and a dense area where many intervals meet. */
const point = fc.oneof(
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, LAST_U32 - 1, LAST_U32),
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: LAST_U32 }),
)
const interval = fc.tuple(point, point).map(([a, b]) => ({ start: Math.min(a, b), last: Math.max(a, b) }))
const step = fc.oneof(
  { weight: 4, arbitrary: interval.map((of) => ({ do: 'insert' as const, ...of })) },
  { weight: 2, arbitrary: fc.nat(63).map((which) => ({ do: 'erase' as const, which })) },
  { weight: 3, arbitrary: interval.map((of) => ({ do: 'query' as const, ...of })) },
)

t.test('insert, erase, first and next agree with a sorted array', async (t) => {
  const { task, leftovers } = solo()
  const root = rootOf(task)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let model: Interval[] = []
      for (const one of steps) {
        if (one.do === 'insert') {
          const node = allocObject(task, NODE_KIND)
          intervalInsert(task, root, node, one.start, one.last)
          model.push({ node, start: one.start, last: one.last })
        } else if (one.do === 'erase' && model.length > 0) {
          const { node } = model[one.which % model.length] as Interval
          intervalErase(task, root, node)
          freeObject(task, NODE_KIND, node)
          model = model.filter((other) => other.node !== node)
        } else if (one.do === 'query') {
          const expected = overlapping(model, one.start, one.last)
          const got = walk(task, one.start, one.last)
          if (got.join() !== expected.join()) throw new Error(`[${one.start}, ${one.last}]: ${got}, not ${expected}`)
        }
        largestEnd(task, task.words[root] as number)
      }
      const all = walk(task, 0, LAST_U32)
      if (
        all.join() !==
        inOrder(model)
          .map((one) => one.node)
          .join()
      )
        throw new Error('the tree holds something else')
      for (const { node } of model) {
        intervalErase(task, root, node)
        freeObject(task, NODE_KIND, node)
      }
      return task.words[root] === 0
    }),
    { seed: 5, numRuns: 1_500 },
  )
  t.same(leftovers(), [])
})

t.test('before, and at or after, agree with a sorted array where nothing overlaps', async (t) => {
  const { task, leftovers } = solo()
  const root = rootOf(task)
  const cuts = fc.uniqueArray(point, { minLength: 2, maxLength: 40 }).map((points) => points.sort((a, b) => a - b))
  fc.assert(
    fc.property(cuts, fc.array(point, { maxLength: 20 }), (points, queries) => {
      const model: Interval[] = []
      for (let i = 0; i + 1 < points.length; i += 2) {
        const node = allocObject(task, NODE_KIND)
        model.push({ node, start: points[i] as number, last: points[i + 1] as number })
        intervalInsert(task, root, node, points[i] as number, points[i + 1] as number)
      }
      for (const start of [...queries, ...points]) {
        const expected = model.filter((one) => one.last < start).at(-1)?.node ?? 0
        const got = intervalBefore(task, root, start)
        if (got !== expected) throw new Error(`before ${start}: ${got}, not ${expected}`)
        const next = model.find((one) => one.last >= start)?.node ?? 0
        const found = intervalAtOrAfter(task, root, start)
        if (found !== next) throw new Error(`at or after ${start}: ${found}, not ${next}`)
      }
      for (const { node } of model) {
        intervalErase(task, root, node)
        freeObject(task, NODE_KIND, node)
      }
    }),
    { seed: 6, numRuns: 500 },
  )
  t.same(leftovers(), [])
})

t.test('the model can disagree: a node whose end was changed behind the tree is noticed', async (t) => {
  const { task } = solo()
  const node = allocObject(task, NODE_KIND)
  intervalInsert(task, rootOf(task), node, 10, 20)
  put(task, node + 1, 30)
  t.throws(() => largestEnd(task, node), /MAX_LAST is 20, not 30/)
  t.same(walk(task, 25, 25), [node], 'and a query that needs the change sees it by chance only')
})

t.test('the ends of the range are inclusive', async (t) => {
  const { task } = solo()
  const root = rootOf(task)
  const nodes = [0, 1, 2].map(() => allocObject(task, NODE_KIND)) as [number, number, number]
  intervalInsert(task, root, nodes[0], 0, 0)
  intervalInsert(task, root, nodes[1], LAST_U32, LAST_U32)
  intervalInsert(task, root, nodes[2], 0, LAST_U32)
  t.same(
    walk(task, 0, 0).sort((a, b) => a - b),
    [nodes[0], nodes[2]],
  )
  t.same(walk(task, LAST_U32, LAST_U32), [nodes[2], nodes[1]])
  t.same(walk(task, 1, LAST_U32 - 1), [nodes[2]])
  t.same([intervalStart(task, nodes[1]), intervalLast(task, nodes[1])], [LAST_U32, LAST_U32])
  t.throws(() => intervalInsert(task, root, allocObject(task, NODE_KIND), 2, 1), /an interval is not empty/)
})

t.test('a walk goes on from a node that it has just erased', async (t) => {
  const { task } = solo()
  const root = rootOf(task)
  const nodes = Array.from({ length: 100 }, (_, i) => {
    const node = allocObject(task, NODE_KIND)
    intervalInsert(task, root, node, i % 10, 50)
    return node
  })
  let seen = 0
  for (let node = intervalFirst(task, root, 5, 5); node !== 0; node = intervalNext(task, root, node, 5, 5)) {
    intervalErase(task, root, node)
    seen++
  }
  t.equal(seen, nodes.filter((_, i) => i % 10 <= 5).length)
  t.equal(walk(task, 0, LAST_U32).length, 100 - seen)
})

t.test('what is not in the tree cannot be erased', async (t) => {
  const { task } = solo()
  const [inside, outside] = [allocObject(task, NODE_KIND), allocObject(task, NODE_KIND)]
  intervalInsert(task, rootOf(task), inside, 1, 2)
  t.throws(() => intervalErase(task, rootOf(task), outside), /an erased interval is in the tree/)
})

t.test('the same set of different starts makes the same tree, whatever the order it came in', async (t) => {
  const { task } = solo()
  const shape = (node: number): unknown =>
    node === 0 ? 0 : [shape(task.words[node + LEFT] as number), node, shape(task.words[node + RIGHT] as number)]
  const nodes = Array.from({ length: 60 }, () => allocObject(task, NODE_KIND))
  const build = (order: readonly number[]) => {
    const root = rootOf(task)
    task.words[root] = 0
    for (const node of order) intervalInsert(task, root, node, node, node)
    return shape(task.words[root] as number)
  }
  const expected = build(nodes)
  t.same(build([...nodes].reverse()), expected)
  t.same(build([...nodes.slice(20), ...nodes.slice(0, 20)]), expected)
})

// In expectation a treap of n nodes is no deeper than about 2.5 log2 n; records lie at regular distances, which a weak hash
// of their addresses turns into long paths.
for (const stride of [16, 32, 48, 64, 96, 128, 256, 528]) {
  t.test(`the tree stays shallow for records ${stride} words apart`, async (t) => {
    const { task } = solo({ bytes: 64 * 1024 * 1024 })
    const root = rootOf(task)
    const heap = regionAt(task.words, 'bytes') // plain space: nothing is allocated here
    for (const nodes of [256, 4096]) {
      task.words[root] = 0
      for (let i = 0; i < nodes; i++) intervalInsert(task, root, heap + i * stride, i, i)
      const deepest = depth(task, task.words[root] as number)
      t.ok(deepest <= 3 * Math.log2(nodes) + 4, `${nodes} nodes, ${deepest} deep`)
    }
  })
}

t.test(
  'of those with one start the youngest is last, and one put behind another stays there, however many came between',
  async (t) => {
    const { task } = solo()
    const root = rootOf(task)
    const insert = (after = 0) => {
      const node = allocObject(task, NODE_KIND)
      intervalInsert(task, root, node, 7, 9, after)
      return node
    }
    const [first, last] = [insert(), insert()]
    const between = Array.from({ length: 100 }, () => insert(first)).reverse()
    t.same(walk(task, 8, 8), [first, ...between, last])
  },
)
