/**
 * Invalidation ranges (struct mmu_notifier_range), one record for each start..end pair that is open. They live in the
 * `windows` region, a small stack per actor, because pairs nest (a zap that splits a huge page) and because a dispatcher,
 * the oracles and reports read them from other threads.
 *
 *   record, one line
 *   word   0    1       2      3       4       5       6     7       8       9       10       11     12 .. 15
 *        +----+-------+------+-------+-------+-------+-----+-------+-------+-------+--------+------+---------+
 *        | MM | START | LAST | EVENT | FLAGS | OWNER | SEQ | STATE | ACTOR | INDEX | BIRTHS | OWED | pad     |
 *        +----+-------+------+-------+-------+-------+-----+-------+-------+-------+--------+------+---------+
 *
 * On machines with devices, behind all records: a line of 8 x (SUB, TOKEN) for each.
 *
 *   START, LAST   page numbers, inclusive. All but SEQ and STATE are written once, before STATE leaves PREPARED.
 *   FLAGS         BLOCKABLE: callbacks may sleep.
 *   OWNER         cookie of the driver that causes it (migrate, exclusive), PAGE_CLEANING (protectionPage), 0 otherwise.
 *   SEQ           sequence handed to the callbacks; odd. Written by start.
 *   INDEX, BIRTHS of the mm's classic notifiers when it was opened (notifier/classic.ts). Private to the actor.
 *   OWED          second passes that are owed to subscribers; the line has, for each, the subscription and what it answered
 *                 (notifier/secondpass.ts). Private to whoever runs the callbacks.
 *   STATE         FREE -> PREPARED (rangeInit) -> OPEN (start) -> FREE (end, or a refused start). Atomic: oracles read it.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import { LINE_WORDS, type WordAt } from '../memory/words.ts'
import { actorAt, ORIGIN, WINDOW_DEPTH } from '../seam/actors.ts'
import { quietLoad, quietStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import type { Mm } from './mmhead.ts'
import type { Sub } from './subscriptions.ts'

/** Word index of an invalidation that is running (kernel: mmu_notifier_range): from its start to its end, pages, event, owner. */
export type NotifierRange = WordAt & { readonly brand: 'notifier-range' }

/** Deepest nesting: exit inside a callback that frees, plus a split inside a zap, with room to spare. */
export const WINDOWS_PER_ACTOR = 6
export const WINDOW_WORDS = LINE_WORDS
/** Of the line with what is owed. */
export const OWED_WORDS = LINE_WORDS

const MM = 0
const START = 1
const LAST = 2
const EVENT = 3
const FLAGS = 4
const OWNER = 5
const SEQ = 6
const STATE = 7
const ACTOR = 8
const INDEX = 9
const BIRTHS = 10
const OWED = 11
/** One for each device that a machine can have: a device mirrors an address space once. */
const MAX_OWED = LINE_WORDS / 2

export const RANGE_BLOCKABLE = 1

const FREE = 0
const PREPARED = 1
const OPEN = 2

/** Prepares a range on this actor's stack. It must be started next, and ended in reverse order of starting. */
export function rangeInit(task: Task, mm: Mm, start: number, last: number, event: number, owner = 0): NotifierRange {
  const { words, record } = task
  const depth = words[record + WINDOW_DEPTH] as number
  assert(depth < WINDOWS_PER_ACTOR, `at most ${WINDOWS_PER_ACTOR} invalidations nest on one actor`)
  assert(start <= last, 'an invalidated range is not empty')
  const range = windowAt(task, task.id, depth)
  words[range + MM] = mm
  words[range + START] = start
  words[range + LAST] = last
  words[range + EVENT] = event
  words[range + FLAGS] = 0
  words[range + OWNER] = owner
  words[range + SEQ] = 0
  words[range + OWED] = 0
  words[range + ACTOR] = words[record + ORIGIN] as number
  quietStore(task, range + STATE, PREPARED)
  words[record + WINDOW_DEPTH] = depth + 1
  return range
}

/** Marks the range open: from now on entries in it may change. Called by invalidateRangeStart. */
export function rangeOpen(task: Task, range: NotifierRange, blockable: boolean): void {
  task.words[range + FLAGS] = blockable ? RANGE_BLOCKABLE : 0
  assert(task.words[range + STATE] === PREPARED, 'a range is started once')
  quietStore(task, range + STATE, OPEN)
}

/** Takes the range off the stack. Called by invalidateRangeEnd and by a refused start. */
export function rangeClose(task: Task, range: NotifierRange): void {
  const depth = (task.words[task.record + WINDOW_DEPTH] as number) - 1
  assert(range === windowAt(task, task.id, depth), 'nested invalidations end in reverse order')
  quietStore(task, range + STATE, FREE)
  task.words[task.record + WINDOW_DEPTH] = depth
}

export function rangeMm(task: Task, range: NotifierRange): Mm {
  return task.words[range + MM] as Mm
}

/** First page number. */
export function rangeStart(task: Task, range: NotifierRange): number {
  return (task.words[range + START] as number) >>> 0
}

/** Last page number, inclusive. */
export function rangeLast(task: Task, range: NotifierRange): number {
  return (task.words[range + LAST] as number) >>> 0
}

export function rangeEvent(task: Task, range: NotifierRange): number {
  return task.words[range + EVENT] as number
}

export function rangeOwner(task: Task, range: NotifierRange): number {
  return task.words[range + OWNER] as number
}

/** May a callback sleep? If not it must not wait for a lock either: trylock, and refuse by returning false. */
export function rangeBlockable(task: Task, range: NotifierRange): boolean {
  return ((task.words[range + FLAGS] as number) & RANGE_BLOCKABLE) !== 0
}

export function rangeSeq(task: Task, range: NotifierRange): number {
  return task.words[range + SEQ] as number
}

export function rangeSetSeq(task: Task, range: NotifierRange, seq: number): void {
  task.words[range + SEQ] = seq
}

/** What notifier/classic.ts notes when the range opens. */
export function rangeSetClassic(task: Task, range: NotifierRange, index: number, births: number): void {
  task.words[range + INDEX] = index
  task.words[range + BIRTHS] = births
}

export function rangeIndex(task: Task, range: NotifierRange): number {
  return task.words[range + INDEX] as number
}

export function rangeBirths(task: Task, range: NotifierRange): number {
  return task.words[range + BIRTHS] as number
}

/** Notes that `sub` is owed a second pass with `token`. False when there is no slot left, or none on this machine. */
export function rangeOwe(task: Task, range: NotifierRange, sub: Sub, token: number): boolean {
  const { words } = task
  const owed = words[range + OWED] as number
  if (owed === MAX_OWED || regionAt(words, 'windows') + regionWords(words, 'windows') <= owedAt(task, range)) return false
  words[owedAt(task, range) + owed * 2] = sub
  words[owedAt(task, range) + owed * 2 + 1] = token
  words[range + OWED] = owed + 1
  return true
}

/** Second passes owed. */
export function rangeOwed(task: Task, range: NotifierRange): number {
  return task.words[range + OWED] as number
}

export function rangeOwedSub(task: Task, range: NotifierRange, i: number): Sub {
  return task.words[owedAt(task, range) + i * 2] as Sub
}

export function rangeOwedToken(task: Task, range: NotifierRange, i: number): number {
  return task.words[owedAt(task, range) + i * 2 + 1] as number
}

/** Actor that raised the invalidation. */
export function rangeActor(task: Task, range: NotifierRange): number {
  return task.words[range + ACTOR] as number
}

/** Is an invalidation of page `vpn` of `mm` between start and end, on any actor? For oracles: a snapshot, no more. */
export function isWindowOpen(task: Task, mm: Mm, vpn: number, actors: number): boolean {
  for (let actor = 0; actor < actors; actor++) {
    for (const range of windowsOf(task, actor)) {
      if (rangeMm(task, range) === mm && rangeStart(task, range) <= vpn && vpn <= rangeLast(task, range)) return true
    }
  }
  return false
}

/**
 * Does an open window of any actor overlap pages [start, last] of `mm`? One that is open all the while is found; one that opens or
 * closes meanwhile may be, or may not.
 */
export function anyWindowOver(task: Task, mm: Mm, start: number, last: number): boolean {
  for (let actor = 0; actor < (task.words[ACTOR_COUNT_AT] as number); actor++) {
    for (const range of windowsOf(task, actor)) {
      if (rangeMm(task, range) === mm && rangeStart(task, range) <= last && start <= rangeLast(task, range)) return true
    }
  }
  return false
}

/** Ranges that an actor has between start and end, outermost first. For reports and oracles. */
export function windowsOf(task: Task, actor: number): NotifierRange[] {
  const depth = task.words[actorAt(task.words, actor) + WINDOW_DEPTH] as number
  return Array.from({ length: depth }, (_, i) => windowAt(task, actor, i)).filter(
    (range) => quietLoad(task, range + STATE) === OPEN,
  )
}

/** Behind the records of all actors. */
function owedAt(task: Task, range: NotifierRange): WordAt {
  const first = regionAt(task.words, 'windows')
  const records = (task.words[ACTOR_COUNT_AT] as number) * WINDOWS_PER_ACTOR
  return first + records * WINDOW_WORDS + ((range - first) / WINDOW_WORDS) * OWED_WORDS
}

function windowAt(task: Task, actor: number, depth: number): NotifierRange {
  return (regionAt(task.words, 'windows') + (actor * WINDOWS_PER_ACTOR + depth) * WINDOW_WORDS) as NotifierRange
}
