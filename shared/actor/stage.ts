/**
 * The stage: the words by which the actors of an exploration know of each other's work, and a foreign protocol's own words. Behind the
 * ledgers in the `programs` region, so it is wound back with the rest: what a process has at a moment stands here, and nowhere else.
 *
 *   word   0        1 .. 15  16 ...................... 16 + 4 * 96   then                              then
 *        +--------+--------+------------------------------+---------------------------------+------------------+
 *        | COUNT  | pad    | processes 0 to 3             | answers, 32 words an operation  | foreign words    |
 *        +--------+--------+------------------------------+---------------------------------+------------------+
 *
 *   process, 96 words
 *   word   0    1 ........ 8     9 ....... 16   17 .............. 94
 *        +----+----------------+--------------+----------------------+
 *        | MM | INSTANCE[8]    | MIRRORS[8]   | HANDLES, 3 words each |
 *        +----+----------------+--------------+----------------------+
 *
 *   COUNT      processes that there were. Quiet: no step of the protocol.
 *   MM         0: it has ended. INSTANCE: on each open device, + 1. MIRRORS: the mirrors. HANDLES: start, pages and file of A to Z.
 *              Written in the prologue, and by the thread that forks, ends, opens or closes.
 *   answer     DONE, LENGTH, characters of 8 bits, four to a word. Written by the operation's thread, quietly: an answer is no
 *              step of the protocol.
 */
import { LEDGER_WORDS, RENDEZVOUS_WORDS } from '../check/ledger.ts'
import { MAX_DEVICES } from '../device/record.ts'
import { type Mirror, mirrorInstance, NO_MIRROR } from '../hmm/mirror.ts'
import { regionAt } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import type { File } from '../mm/file.ts'
import { type Mm, NO_MM } from '../notifier/mmhead.ts'
import { quietAdd, quietStore } from '../seam/atomics.ts'
import { HmmError } from '../seam/error.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import type { Handle, Process } from './processes.ts'

const COUNT = 0
const PROCESSES = 16
const PROCESS_WORDS = 96
/** Processes of an exploration, those that ended counted. */
export const MAX_PROCESSES = 4
const MM = 0
const INSTANCE = 1
const MIRRORS = 9
const HANDLES = 17
const HANDLE_WORDS = 3
const ANSWERS = PROCESSES + MAX_PROCESSES * PROCESS_WORDS
const ANSWER_WORDS = 32
const TEXT = 2
const MAX_CHARS = (ANSWER_WORDS - TEXT) * 4
/** Operations of all threads together. */
export const MAX_THREAD_OPS = 64
export const STAGE_WORDS = ANSWERS + MAX_THREAD_OPS * ANSWER_WORDS

function stageAt(words: Words): WordAt {
  return regionAt(words, 'programs') + RENDEZVOUS_WORDS + (words[ACTOR_COUNT_AT] as number) * LEDGER_WORDS
}

function processAt(words: Words, process: number): WordAt {
  return stageAt(words) + PROCESSES + process * PROCESS_WORDS
}

/** First of the words that a foreign protocol has for its own. */
export function foreignAt(words: Words): WordAt {
  return stageAt(words) + STAGE_WORDS
}

/** The instance that threads of `process` use on `device`, or -1. */
export function instanceOnStage(words: Words, process: number, device: number): number {
  return (words[processAt(words, process) + INSTANCE + device] as number) - 1
}

/** Says what `process` has open as `device`: a mirror, or NO_MIRROR. */
export function setMirrorOnStage(task: Task, process: number, device: number, mirror: Mirror): void {
  const at = processAt(task.words, process)
  task.words[at + MIRRORS + device] = mirror
  task.words[at + INSTANCE + device] = mirror === NO_MIRROR ? 0 : mirrorInstance(task, mirror) + 1
}

/** Mirrors of `process`, by device. */
export function mirrorsOnStage(words: Words, process: number): Map<number, Mirror> {
  const mirrors = new Map<number, Mirror>()
  for (let device = 0; device < MAX_DEVICES; device++) {
    const mirror = words[processAt(words, process) + MIRRORS + device] as Mirror
    if (mirror !== NO_MIRROR) mirrors.set(device, mirror)
  }
  return mirrors
}

/** A number for a process that is about to be made. Throws HMM_ERR_SCENARIO when there have been too many. */
export function nextOnStage(task: Task): number {
  const number = quietAdd(task, stageAt(task.words) + COUNT, 1)
  if (number < MAX_PROCESSES) return number
  throw new HmmError('HMM_ERR_SCENARIO', `an exploration has at most ${MAX_PROCESSES} processes`)
}

/** Puts the processes of the set-up on the stage. */
export function publishProcesses(task: Task, processes: readonly Process[]): void {
  for (const process of processes) {
    const number = nextOnStage(task)
    if (process.alive) publishProcess(task, number, process.mm, process.handles)
  }
}

/** Lets every thread know a process and the handles that it begins with. */
export function publishProcess(task: Task, number: number, mm: Mm, handles: ReadonlyMap<string, Handle>): void {
  const process = processAt(task.words, number)
  task.words[process + MM] = mm
  for (const [name, { start, pages, file }] of handles) {
    const at = process + HANDLES + (name.charCodeAt(0) - 65) * HANDLE_WORDS
    task.words[at] = start | 0
    task.words[at + 1] = pages
    task.words[at + 2] = file
  }
}

/** The address space of `process`, or NO_MM when there is none. */
export function spaceOnStage(words: Words, process: number): Mm {
  return words[processAt(words, process) + MM] as Mm
}

/** Takes the address space of a process off the stage, which is about to end. NO_MM when somebody else ends it, or it never was. */
export function takeSpaceOffStage(task: Task, process: number): Mm {
  const mm = spaceOnStage(task.words, process)
  task.words[processAt(task.words, process) + MM] = NO_MM
  return mm
}

/** The address spaces that there are, for audits. */
export function spacesOnStage(words: Words): Mm[] {
  const mms = Array.from({ length: MAX_PROCESSES }, (_, process) => spaceOnStage(words, process))
  return mms.filter((mm) => mm !== NO_MM)
}

/** The handles that `process` began with, in a map of one's own. */
export function handlesOnStage(words: Words, process: number): Map<string, Handle> {
  const handles = new Map<string, Handle>()
  for (let i = 0; i < 26; i++) {
    const at = processAt(words, process) + HANDLES + i * HANDLE_WORDS
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
