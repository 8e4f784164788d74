/**
 * Interval tree: intrusive, in the buffer, over inclusive uint32 intervals that may overlap. Used for VMAs (by page
 * number), for the VMAs of a file or fork family (by page offset), and for interval subscriptions.
 *
 *   node, embedded in the owner's record
 *   word   0       1      2          3      4       5
 *        +-------+------+----------+------+-------+-------+
 *        | START | LAST | MAX_LAST | LEFT | RIGHT | ORDER |        LEFT, RIGHT: word index of a node, 0 = none
 *        +-------+------+----------+------+-------+-------+
 *
 *   MAX_LAST   largest LAST in the node's subtree.
 *   ORDER      place among nodes of the same START: as they came, unless one was put right behind another.
 *
 * All words are guarded by the lock of whoever owns the tree; the root is one word of theirs. A treap whose priorities are
 * a hash of the node's address: balanced in expectation, no balance word, no randomness, the same tree for the same set.
 * Nodes are ordered by (START, ORDER).
 */
import type { WordAt } from '../memory/words.ts'
import { assert } from '../seam/error.ts'
import { get, getU32, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'

export const INTERVAL_NODE_WORDS = 6
const START = 0
const LAST = 1
const MAX_LAST = 2
const LEFT = 3
const RIGHT = 4
const ORDER = 5
/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const INTERVAL_AT = { start: START, last: LAST, left: LEFT, right: RIGHT } as const
/** Room left between two that came one after the other, for those that are put between. */
const ORDER_STEP = 1 << 12

/** Word index of a node: of the START word, wherever in its record that lies. */
export type IntervalNode = WordAt

export function intervalStart(task: Task, node: IntervalNode): number {
  return getU32(task, node + START)
}

export function intervalLast(task: Task, node: IntervalNode): number {
  return getU32(task, node + LAST)
}

/**
 * Adds `node` with interval [start, last], behind all of the same start, or right behind `after`, which has it, too. `root` is
 * the word that holds the tree's root. Caller holds the tree's lock.
 */
export function intervalInsert(
  task: Task,
  root: WordAt,
  node: IntervalNode,
  start: number,
  last: number,
  after: IntervalNode = 0,
): void {
  assert(start <= last, 'an interval is not empty')
  put(task, node + START, start)
  put(task, node + LAST, last)
  put(task, node + LEFT, 0)
  put(task, node + RIGHT, 0)
  put(task, node + MAX_LAST, last)
  put(task, node + ORDER, placeFor(task, get(task, root), start, after))
  put(task, root, insertBelow(task, get(task, root), node))
}

/** Takes `node` out. Caller holds the tree's lock, and `node` is in this tree. */
export function intervalErase(task: Task, root: WordAt, node: IntervalNode): void {
  put(task, root, eraseBelow(task, get(task, root), node))
}

/** First node in order that overlaps [start, last], or 0. Caller keeps the tree from changing. */
export function intervalFirst(task: Task, root: WordAt, start: number, last: number): IntervalNode {
  return firstBelow(task, get(task, root), start, last)
}

/**
 * First node in order whose interval ends at or behind `at`, for trees without overlaps; 0 if there is none. Half the way of
 * intervalFirst, which looks beside it as well. Caller keeps the tree from changing.
 */
export function intervalAtOrAfter(task: Task, root: WordAt, at: number): IntervalNode {
  let found: IntervalNode = 0
  let node: IntervalNode = get(task, root)
  while (node !== 0) {
    if (getU32(task, node + LAST) < at) node = get(task, node + RIGHT)
    else if (getU32(task, node + START) <= at) return node
    else {
      found = node
      node = get(task, node + LEFT)
    }
  }
  return found
}

/** Next node in order after `node` that overlaps [start, last], or 0. `node` need not be in the tree any more. */
export function intervalNext(task: Task, root: WordAt, node: IntervalNode, start: number, last: number): IntervalNode {
  return firstAfter(task, get(task, root), intervalStart(task, node), getU32(task, node + ORDER), start, last)
}

/** Last node in order whose interval ends before `start`, for trees without overlaps. 0 if there is none. */
export function intervalBefore(task: Task, root: WordAt, start: number): IntervalNode {
  let found: IntervalNode = 0
  let node: IntervalNode = get(task, root)
  while (node !== 0) {
    if (getU32(task, node + LAST) < start) {
      found = node
      node = get(task, node + RIGHT)
    } else {
      node = get(task, node + LEFT)
    }
  }
  return found
}

/** ORDER for a new node with START `start`: behind all such, or between `after` and the one behind it. */
function placeFor(task: Task, top: IntervalNode, start: number, after: IntervalNode): number {
  for (;;) {
    const low = after === 0 ? largestOrder(task, top, start) : getU32(task, after + ORDER)
    const high = after === 0 ? low + 2 * ORDER_STEP : smallestOrder(task, top, start, low)
    const place = low + Math.min(ORDER_STEP, Math.floor((high - low) / 2))
    if (place > low && place <= LAST_ORDER) return place
    renumber(task, top, start, 0)
  }
}

const LAST_ORDER = 0xffffffff

/** Largest ORDER of a node with START `start`; 0 if there is none. */
function largestOrder(task: Task, top: IntervalNode, start: number): number {
  let largest = 0
  for (let node = top; node !== 0; ) {
    const at = getU32(task, node + START)
    if (at === start) largest = getU32(task, node + ORDER)
    node = get(task, node + (at <= start ? RIGHT : LEFT))
  }
  return largest
}

/** Smallest ORDER above `above` of a node with START `start`; far behind `above` if there is none. */
function smallestOrder(task: Task, top: IntervalNode, start: number, above: number): number {
  let smallest = above + 2 * ORDER_STEP
  for (let node = top; node !== 0; ) {
    const at = getU32(task, node + START)
    const order = getU32(task, node + ORDER)
    if (at > start || (at === start && order > above)) {
      if (at === start) smallest = order
      node = get(task, node + LEFT)
    } else {
      node = get(task, node + RIGHT)
    }
  }
  return smallest
}

/** Gives all nodes with START `start` even distances again, without changing their order. Returns the largest ORDER. */
function renumber(task: Task, node: IntervalNode, start: number, last: number): number {
  if (node === 0) return last
  const at = getU32(task, node + START)
  if (at > start) return renumber(task, get(task, node + LEFT), start, last)
  if (at < start) return renumber(task, get(task, node + RIGHT), start, last)
  const mine = renumber(task, get(task, node + LEFT), start, last) + ORDER_STEP
  put(task, node + ORDER, mine)
  return renumber(task, get(task, node + RIGHT), start, mine)
}

function firstBelow(task: Task, top: IntervalNode, start: number, last: number): IntervalNode {
  let node = top
  while (node !== 0) {
    // Some node on the left ends late enough. The leftmost such node is the answer, or nothing is: all others start later.
    const left = get(task, node + LEFT)
    if (left !== 0 && getU32(task, left + MAX_LAST) >= start) {
      node = left
      continue
    }
    if (getU32(task, node + START) > last) return 0
    if (getU32(task, node + LAST) >= start) return node
    const right = get(task, node + RIGHT)
    node = right !== 0 && getU32(task, right + MAX_LAST) >= start ? right : 0
  }
  return 0
}

function firstAfter(task: Task, top: IntervalNode, afterStart: number, after: number, start: number, last: number): IntervalNode {
  if (top === 0 || getU32(task, top + MAX_LAST) < start) return 0
  const topStart = getU32(task, top + START)
  if (topStart < afterStart || (topStart === afterStart && getU32(task, top + ORDER) <= after)) {
    return firstAfter(task, get(task, top + RIGHT), afterStart, after, start, last)
  }
  const left = firstAfter(task, get(task, top + LEFT), afterStart, after, start, last)
  if (left !== 0) return left
  if (topStart > last) return 0
  if (getU32(task, top + LAST) >= start) return top
  return firstBelow(task, get(task, top + RIGHT), start, last)
}

function insertBelow(task: Task, top: IntervalNode, node: IntervalNode): IntervalNode {
  if (top === 0) return node
  if (priority(node) > priority(top)) {
    const { less, more } = split(task, top, node)
    put(task, node + LEFT, less)
    put(task, node + RIGHT, more)
    refresh(task, node)
    return node
  }
  const side = precedes(task, node, top) ? LEFT : RIGHT
  put(task, top + side, insertBelow(task, get(task, top + side), node))
  refresh(task, top)
  return top
}

function eraseBelow(task: Task, top: IntervalNode, node: IntervalNode): IntervalNode {
  assert(top !== 0, 'an erased interval is in the tree')
  if (top === node) return merge(task, get(task, top + LEFT), get(task, top + RIGHT))
  const side = precedes(task, node, top) ? LEFT : RIGHT
  put(task, top + side, eraseBelow(task, get(task, top + side), node))
  refresh(task, top)
  return top
}

/** Splits a subtree into what precedes `node` and what follows it. */
function split(task: Task, top: IntervalNode, node: IntervalNode): { less: IntervalNode; more: IntervalNode } {
  if (top === 0) return { less: 0, more: 0 }
  if (precedes(task, top, node)) {
    const { less, more } = split(task, get(task, top + RIGHT), node)
    put(task, top + RIGHT, less)
    refresh(task, top)
    return { less: top, more }
  }
  const { less, more } = split(task, get(task, top + LEFT), node)
  put(task, top + LEFT, more)
  refresh(task, top)
  return { less, more: top }
}

/** Joins two subtrees, all of `less` before all of `more`. */
function merge(task: Task, less: IntervalNode, more: IntervalNode): IntervalNode {
  if (less === 0) return more
  if (more === 0) return less
  if (priority(less) > priority(more)) {
    put(task, less + RIGHT, merge(task, get(task, less + RIGHT), more))
    refresh(task, less)
    return less
  }
  put(task, more + LEFT, merge(task, less, get(task, more + LEFT)))
  refresh(task, more)
  return more
}

function refresh(task: Task, node: IntervalNode): void {
  let max = getU32(task, node + LAST)
  const left = get(task, node + LEFT)
  const right = get(task, node + RIGHT)
  if (left !== 0) max = Math.max(max, getU32(task, left + MAX_LAST))
  if (right !== 0) max = Math.max(max, getU32(task, right + MAX_LAST))
  put(task, node + MAX_LAST, max)
}

function precedes(task: Task, a: IntervalNode, b: IntervalNode): boolean {
  const as = getU32(task, a + START)
  const bs = getU32(task, b + START)
  return as < bs || (as === bs && getU32(task, a + ORDER) < getU32(task, b + ORDER))
}

/**
 * Hash of the address: two multiplications, because one turns records at regular distances into paths twice as deep. One to
 * one on 32 bits, so that no two nodes have the same priority.
 */
function priority(node: IntervalNode): number {
  let x = Math.imul(node ^ (node >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}
