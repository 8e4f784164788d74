/**
 * The board: what the actors of a course have in common beside the address space. One object of the heap; its lines are handed out here.
 *
 *   line   0         1              2                 3      ...
 *        +---------+--------------+-------------------------------------+
 *        | WANTED  | one word     | ring to cpu 1     ring to cpu 0     |      mailbox
 *        |         | for each     | LOCK              PAIRS             |      locks
 *        +---------+--------------+-------------------------------------+
 *
 *   WANTED   batch that the engines are to fill (unmap). By cpu 0. Atomic.
 *   line 1   unmap: the last batch that each engine has filled. locks: the operations of each cpu. Atomic.
 */
import { allocObject, freeObject, objectKind } from '../../frame/objects.ts'
import { LINE_WORDS, lineAligned, type WordAt } from '../../memory/words.ts'
import type { Task } from '../../seam/task.ts'
import { ringWords } from '../../sync/ring.ts'
import { mustBe } from './course.ts'

export const MAIL_SLOTS = 8
export const MAIL_WORDS = LINE_WORDS
const RING_WORDS = lineAligned(ringWords(MAIL_SLOTS, MAIL_WORDS))

const WANTED = 0
const DONE = LINE_WORDS
const FREE = 2 * LINE_WORDS
/** From a pair of words to the other. */
export const PAIR_STRIDE = LINE_WORDS
const BOARD_KIND = objectKind(31, 'benchmark board', FREE + 2 * RING_WORDS)

export type Board = WordAt & { readonly brand: 'board' }

/** Makes a board, or throws when memory is out. Cpu 0. */
export function createBoard(task: Task): Board {
  const board = allocObject(task, BOARD_KIND)
  mustBe(board !== 0, 'the machine has no memory for a benchmark')
  return board as Board
}

export function freeBoard(task: Task, board: Board): void {
  freeObject(task, BOARD_KIND, board)
}

export function wantedAt(board: Board): WordAt {
  return board + WANTED
}

export function doneAt(board: Board, who: number): WordAt {
  return board + DONE + who
}

/** Where the ring is whose consumer is cpu `cpu`. */
export function mailAt(board: Board, cpu: 0 | 1): WordAt {
  return board + FREE + (1 - cpu) * RING_WORDS
}

/** A lock that two cpus contend for. */
export function lockAt(board: Board): WordAt {
  return board + FREE
}

/** Two words that are under that lock, on a line of their own; and another two, on the next. */
export function pairAt(board: Board, which: 0 | 1 = 0): WordAt {
  return board + FREE + LINE_WORDS + which * PAIR_STRIDE
}
