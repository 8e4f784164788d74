/**
 * What actors are doing and have done, in the field's words. Each operation is announced before it starts: in the status
 * words of the actor's record (what it is doing now) and in its trace ring (what it did last).
 *
 *   per actor, two rings: what it did, and what it changed (accesses are many and would push the changes out)
 *   word   0         1            2           3               16 ...
 *        +---------+------------+-----------+---------------+-------------------------------------------+
 *        | SLOTS   | CHANGE_SLOTS| NEXT     | NEXT_CHANGE   | SLOTS + CHANGE_SLOTS x (OP, A, B, C, ORDER)|
 *        +---------+------------+-----------+---------------+-------------------------------------------+
 *
 *   SLOTS   powers of two, written when the machine is laid out; a small machine remembers less.
 *   NEXT    operations ever begun, of this kind.
 *   ORDER   place among the operations of all actors (checked builds): drawn from one counter in the superblock.
 *
 * Written plainly by the actor itself; read by reports, racily while it runs, exactly once it has stopped.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import { LINE_WORDS, type WordAt, type Words } from '../memory/words.ts'
import { actorAt, actorName, OP, OP_A, OP_B, OP_C, OP_DONE } from './actors.ts'
import { quietAdd } from './atomics.ts'
import { tick } from './point.ts'
import { countStat, STAT } from './stats.ts'
import { ACTOR_COUNT_AT, OP_ORDER_AT } from './superblock.ts'
import type { Task } from './task.ts'
import { EVENT, eventBegins, eventEnds } from './timeline.ts'

/** Operations. A, B, C are: first page, number of pages, and one more word that the operation's own. */
export const OPERATION = {
  none: 0,
  load: 1,
  store: 2,
  add: 3,
  mmap: 4,
  munmap: 5,
  mprotect: 6,
  mremap: 7,
  madvise: 8,
  fork: 9,
  exit: 10,
  open: 11,
  close: 12,
  ioctl: 13,
  dread: 14,
  dwrite: 15,
  dadd: 16,
  serviceFault: 17,
  work: 18,
  callbacks: 19,
  reap: 20,
  putout: 21,
  move: 22,
  split: 23,
} as const
export type OperationName = keyof typeof OPERATION
const NAMES: Partial<Record<OperationName, string>> = { serviceFault: 'fault service', callbacks: 'invalidation callbacks' }
const OPERATIONS = Object.keys(OPERATION) as OperationName[]

const SLOT_WORDS = 8
const SLOTS = 0
const CHANGE_SLOTS = 1
/** NEXT of ring SLOTS; that of CHANGE_SLOTS follows. */
const NEXT = 2

/** Operations an actor of a machine remembers: of all kinds, and of those that change pages. */
export interface TraceDepth {
  readonly all: number
  readonly changes: number
}
export const DEEP_TRACE: TraceDepth = { all: 32, changes: 128 }
export const SHALLOW_TRACE: TraceDepth = { all: 16, changes: 16 }

/** Words one actor's rings take. */
export function traceWords(depth: TraceDepth): number {
  return LINE_WORDS + (depth.all + depth.changes) * SLOT_WORDS
}

/** Makes the rings of every actor. Once, by the booting thread. */
export function createTraces(words: Words, actors: number, depth: TraceDepth): void {
  for (let actor = 0; actor < actors; actor++) {
    const ring = regionAt(words, 'trace') + actor * traceWords(depth)
    words[ring + SLOTS] = depth.all
    words[ring + CHANGE_SLOTS] = depth.changes
  }
}

function ringOf(words: Words, actor: number): WordAt {
  return regionAt(words, 'trace') + actor * (regionWords(words, 'trace') / (words[ACTOR_COUNT_AT] as number))
}

/** Announces an operation of this actor. */
export function beginOp(task: Task, op: number, a = 0, b = 0, c = 0): void {
  tick(task)
  const { words, record } = task
  words[record + OP] = op
  words[record + OP_A] = a
  words[record + OP_B] = b
  words[record + OP_C] = c
  const order = task.checked ? quietAdd(task, OP_ORDER_AT, 1) : 0
  remember(words, task.id, SLOTS, op, a, b, c, order)
  if (CHANGES.has(op)) remember(words, task.id, CHANGE_SLOTS, op, a, b, c, order)
  if (task.timelineAt !== 0) task.operationBegan = eventBegins(task)
}

/** Operations that change the rights or the frame of pages they name. */
const CHANGES: ReadonlySet<number> = new Set([
  OPERATION.mmap,
  OPERATION.munmap,
  OPERATION.mprotect,
  OPERATION.mremap,
  OPERATION.madvise,
  OPERATION.fork,
])

function remember(words: Words, actor: number, ring: number, op: number, a: number, b: number, c: number, order: number): void {
  const at = ringOf(words, actor)
  const next = words[at + NEXT + ring] as number
  const slot = slotAt(words, at, ring, next)
  words[slot] = op
  words[slot + 1] = a
  words[slot + 2] = b
  words[slot + 3] = c
  words[slot + 4] = order
  words[at + NEXT + ring] = next + 1
}

/** Word of entry `index` of the ring of all operations (SLOTS) or of changes (CHANGE_SLOTS). */
function slotAt(words: Words, at: WordAt, ring: number, index: number): WordAt {
  const first = ring === SLOTS ? 0 : (words[at + SLOTS] as number)
  return at + LINE_WORDS + (first + (index & ((words[at + ring] as number) - 1))) * SLOT_WORDS
}

/** As beginOp, for one of many small operations in flight: says what is being done now, leaves no trace. */
export function announceOp(task: Task, op: number, a: number, b: number, c: number): void {
  const { words, record } = task
  words[record + OP] = op
  words[record + OP_A] = a
  words[record + OP_B] = b
  words[record + OP_C] = c
}

/** The operation is complete: the machine made progress. */
export function endOp(task: Task): void {
  const { words, record } = task
  if (task.timelineAt !== 0) noteOperation(task)
  words[record + OP_DONE] = ((words[record + OP_DONE] as number) + 1) | 0
  words[record + OP] = OPERATION.none
  countStat(task, STAT.operations)
}

/** An operation that was only announced has no beginning, and is not on the timeline. */
function noteOperation(task: Task): void {
  const { words, record } = task
  const [op, a, b, c] = [words[record + OP], words[record + OP_A], words[record + OP_B], words[record + OP_C]]
  eventEnds(task, EVENT.operation, op as number, task.operationBegan, a, b, c)
  task.operationBegan = 0
}

export interface TracedOp {
  readonly op: OperationName
  readonly a: number
  readonly b: number
  readonly c: number
  /** Place among the operations of all actors; larger is later. */
  readonly order: number
}

/** The last operations of an actor, oldest first. */
export function lastOps(words: Words, actor: number, limit = Number.POSITIVE_INFINITY): TracedOp[] {
  return remembered(words, actor, SLOTS, limit)
}

/** The last changes of an actor to its address space, oldest first. */
export function lastChanges(words: Words, actor: number): TracedOp[] {
  return remembered(words, actor, CHANGE_SLOTS, Number.POSITIVE_INFINITY)
}

function remembered(words: Words, actor: number, ring: number, limit: number): TracedOp[] {
  const at = ringOf(words, actor)
  const next = words[at + NEXT + ring] as number
  const ops: TracedOp[] = []
  for (let i = Math.max(0, next - Math.min(limit, words[at + ring] as number)); i < next; i++) {
    const slot = slotAt(words, at, ring, i)
    ops.push({
      op: OPERATIONS[words[slot] as number] ?? 'none',
      a: (words[slot + 1] as number) >>> 0,
      b: words[slot + 2] as number,
      c: words[slot + 3] as number,
      order: words[slot + 4] as number,
    })
  }
  return ops
}

/** The latest operation of any actor that changed page `vpn`, in words, or null if none is remembered. */
export function lastChangeOf(words: Words, vpn: number): string | null {
  let latest: { actor: number; op: TracedOp } | null = null
  for (let actor = 0; actor < (words[ACTOR_COUNT_AT] as number); actor++) {
    for (const op of lastChanges(words, actor)) {
      const covers = op.op === 'fork' || (op.a <= vpn && vpn < op.a + op.b)
      if (covers && (latest === null || ((op.order - latest.op.order) | 0) > 0)) latest = { actor, op }
    }
  }
  return latest === null
    ? null
    : `${actorName(words, latest.actor)}, ${describeOp(OPERATION[latest.op.op], latest.op.a, latest.op.b)}`
}

/** `cpu 1, munmap of B+3 (4 pages)`: what an actor is doing, or did last when it is idle. */
export function describeActor(words: Words, actor: number): string {
  const record = actorAt(words, actor)
  const now = words[record + OP] as number
  if (now !== OPERATION.none) {
    return `${actorName(words, actor)}, ${describeOp(now, (words[record + OP_A] as number) >>> 0, words[record + OP_B] as number)}`
  }
  const last = lastOps(words, actor, 1)[0]
  return last === undefined
    ? actorName(words, actor)
    : `${actorName(words, actor)}, last ${describeOp(OPERATION[last.op], last.a, last.b)}`
}

/** `munmap of B+3 (4 pages)`. */
export function describeOp(op: number, page: number, pages: number): string {
  const name = OPERATIONS[op] ?? 'none'
  const text = NAMES[name] ?? name
  if (op === OPERATION.none || op === OPERATION.fork || op === OPERATION.exit || op === OPERATION.open || op === OPERATION.close)
    return text
  return `${text} of ${pageName(page)}${pages > 1 ? ` (${pages} pages)` : ''}`
}

/** Pages between the bases of two mapping slots of the scenario language: 256 MiB. */
export const SLOT_PAGES = 65536

/** `A+3`: a page by the slot it lies in. Slot 0 begins at 256 MiB and is `A`. */
export function pageName(vpn: number): string {
  const slot = Math.floor(vpn / SLOT_PAGES) - 1
  if (slot < 0) return `page ${vpn}`
  const name = slot < 26 ? String.fromCharCode(65 + slot) : `slot${slot}`
  return `${name}+${vpn % SLOT_PAGES}`
}
