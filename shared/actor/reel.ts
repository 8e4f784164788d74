/**
 * The reel: the machine as it was when the prologue was over, to go back to between two schedules. Kept in a buffer of its own
 * that every actor is handed, because any of them may be the one that winds back.
 *
 * Only what a run wrote is copied back:
 *   everything before the heap   but the scheduler region, which is about the runs and no part of them, and the word HALT,
 *                                which is the booting thread's as well:
 *
 *     booting thread (Ctrl-C)                   conductor                        an actor that waits for the baton
 *     HALT = interrupted
 *     a baton for everybody, to wake them
 *                                               winds back, HALT and all
 *                                                                                wakes: HALT is 0, so it was given the
 *                                                                                baton; now two move [Required: HALT stays]
 *
 *   heap                         up to its high-water mark: what was never handed out was never written
 *   frame records                all, one line each
 *   bytes of a frame             if it was in use then, is in use now, or was freed in between (its generation moved)
 */
import { type Frame, frameData, frameMayDiffer } from '../frame/frames.ts'
import { heapUsedWords } from '../frame/objects.ts'
import { regionAt, regionWords } from '../memory/regions.ts'
import { PAGE_WORDS, type WordAt, type Words } from '../memory/words.ts'
import { HALT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'

/** Keeps the machine and winds it back. */
export class Reel {
  private readonly task: Task
  private readonly words: Words
  /** As long as the machine: a word has the same index in both. */
  readonly kept: Words
  private readonly frames: number

  constructor(task: Task, buffer: SharedArrayBuffer) {
    this.task = task
    this.words = task.words
    this.kept = new Int32Array(buffer)
    this.frames = Math.floor(regionWords(task.words, 'bytes') / PAGE_WORDS)
  }

  /** Keeps the machine as it is now. Nobody moves meanwhile. */
  take(): void {
    this.kept.set(this.words)
  }

  /** Makes the machine what it was when take() was called. Nobody moves meanwhile. */
  restore(): void {
    const { words, kept, task } = this
    for (let frame = 0; frame < this.frames; frame++) {
      if (frameMayDiffer(task, frame as Frame, kept)) this.copy(frameData(task, frame as Frame), PAGE_WORDS)
    }
    const used = heapUsedWords(task) // never shrinks in a run
    const scheduler = regionAt(words, 'scheduler')
    const behind = scheduler + regionWords(words, 'scheduler')
    this.copy(0, HALT_AT)
    this.copy(HALT_AT + 1, scheduler - HALT_AT - 1)
    this.copy(behind, regionAt(words, 'heap') + used - behind)
    this.copy(regionAt(words, 'frames'), regionWords(words, 'frames'))
  }

  private copy(at: WordAt, length: number): void {
    this.words.set(this.kept.subarray(at, at + length), at)
  }
}
