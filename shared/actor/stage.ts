/**
 * The stage: the few words by which the actors of an exploration know of each other's work, and a foreign protocol's own words.
 * Behind the ledgers in the `programs` region, so it is wound back with the rest.
 *
 *   word   0 ....... 7   8 ......... 15   16 ............. 93  96 .. 111   112 .................          then
 *        +--------------+-----------------+-----------------------+-----------+---------------------------------+------------------+
 *        | INSTANCE[8]  | MIRRORS[8]      | HANDLES, 3 words each | SPACES    | answers, 32 words an operation  | foreign words    |
 *        +--------------+-----------------+-----------------------+---------------------------------+------------------+
 *
 *   INSTANCE   of process 0 on each open device, + 1. MIRRORS: the mirrors. HANDLES: start, pages
 *              and file of A to Z of process 0. SPACES: count, then the mm of every process. Written in the prologue.
 *   answer     DONE, LENGTH, characters of 8 bits, four to a word. Written by the operation's thread, quietly: an answer is no
 *              step of the protocol.
 */
import { LEDGER_WORDS, RENDEZVOUS_WORDS } from '../check/ledger.ts'
import { MAX_DEVICES } from '../device/record.ts'
import { type Mirror, mirrorInstance, NO_MIRROR } from '../hmm/mirror.ts'
import { regionAt } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import type { File } from '../mm/file.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { quietStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import type { Handle, Processes } from './processes.ts'

const INSTANCE = 0
const MIRRORS = 8
const HANDLES = 16
const HANDLE_WORDS = 3
const SPACES = 96
const MAX_SPACES = 15
const ANSWERS = 112
const ANSWER_WORDS = 32
const TEXT = 2
const MAX_CHARS = (ANSWER_WORDS - TEXT) * 4
/** Operations of all threads together. */
export const MAX_THREAD_OPS = 64
export const STAGE_WORDS = ANSWERS + MAX_THREAD_OPS * ANSWER_WORDS

function stageAt(words: Words): WordAt {
  return regionAt(words, 'programs') + RENDEZVOUS_WORDS + (words[ACTOR_COUNT_AT] as number) * LEDGER_WORDS
}

/** First of the words that a foreign protocol has for its own. */
export function foreignAt(words: Words): WordAt {
  return stageAt(words) + STAGE_WORDS
}

/** The instance that device threads of `device` use, or -1. */
export function instanceOnStage(words: Words, device: number): number {
  return (words[stageAt(words) + INSTANCE + device] as number) - 1
}

export function setMirrorOnStage(task: Task, device: number, mirror: Mirror): void {
  task.words[stageAt(task.words) + MIRRORS + device] = mirror
  task.words[stageAt(task.words) + INSTANCE + device] = mirrorInstance(task, mirror) + 1
}

/** Mirrors of process 0, by device. */
export function mirrorsOnStage(words: Words): Map<number, Mirror> {
  const mirrors = new Map<number, Mirror>()
  for (let device = 0; device < MAX_DEVICES; device++) {
    const mirror = words[stageAt(words) + MIRRORS + device] as Mirror
    if (mirror !== NO_MIRROR) mirrors.set(device, mirror)
  }
  return mirrors
}

/** Lets every thread know the handles that the set-up made. */
export function publishHandles(task: Task, handles: ReadonlyMap<string, Handle>): void {
  for (const [name, { start, pages, file }] of handles) {
    const at = stageAt(task.words) + HANDLES + (name.charCodeAt(0) - 65) * HANDLE_WORDS
    task.words[at] = start | 0
    task.words[at + 1] = pages
    task.words[at + 2] = file
  }
}

/** Lets every actor know the address spaces of all processes, for audits. */
export function publishSpaces(task: Task, processes: Processes): void {
  const mms = processes.list().filter(({ alive }) => alive)
  assert(mms.length <= MAX_SPACES, `an exploration has at most ${MAX_SPACES} processes`)
  const at = stageAt(task.words) + SPACES
  task.words[at] = mms.length
  mms.forEach(({ mm }, i) => {
    task.words[at + 1 + i] = mm
  })
}

export function spacesOnStage(words: Words): Mm[] {
  const at = stageAt(words) + SPACES
  return Array.from({ length: words[at] as number }, (_, i) => words[at + 1 + i] as Mm)
}

/** The handles as the set-up left them, in a map of one's own. */
export function handlesOnStage(words: Words): Map<string, Handle> {
  const handles = new Map<string, Handle>()
  for (let i = 0; i < 26; i++) {
    const at = stageAt(words) + HANDLES + i * HANDLE_WORDS
    const start = (words[at] as number) >>> 0
    if (start !== 0) {
      const file = words[at + 2] as File
      handles.set(String.fromCharCode(65 + i), { start, pages: words[at + 1] as number, file })
    }
  }
  return handles
}

/** Word that is 1 once operation `index` is done. */
export function doneAt(words: Words, index: number): WordAt {
  return stageAt(words) + ANSWERS + index * ANSWER_WORDS
}

/** Records what operation `index` answered. Longer answers are cut. */
export function setAnswer(task: Task, index: number, text: string): void {
  const at = doneAt(task.words, index)
  const chars = Math.min(text.length, MAX_CHARS)
  for (let i = 0; i < chars; i += 4) {
    let word = 0
    for (let j = 0; j < 4 && i + j < chars; j++) word |= (text.charCodeAt(i + j) & 255) << (j * 8)
    task.words[at + TEXT + (i >> 2)] = word
  }
  task.words[at + 1] = chars
  quietStore(task, at, 1)
}

/** What operation `index` answered, or null while it is not done. */
export function answerOf(words: Words, index: number): string | null {
  const at = doneAt(words, index)
  if (words[at] !== 1) return null
  let text = ''
  for (let i = 0; i < (words[at + 1] as number); i++) {
    text += String.fromCharCode(((words[at + TEXT + (i >> 2)] as number) >>> ((i & 3) * 8)) & 255)
  }
  return text
}
