/**
 * `dev.records`: records of a driver's own, for what it has more of than its words hold, a list of regions for instance. What is in
 * one, and what guards it, is the driver's business: it reads and writes them plainly with get and put under a lock, or with
 * dev.load and dev.store without. Counted, so that one which is forgotten is found when everything is closed.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import type { Task } from '../seam/task.ts'

/** Words of a record. */
const DRIVER_RECORD_WORDS = 16
const KIND = objectKind(30, 'driver record', DRIVER_RECORD_WORDS)

/** `dev.records`. */
export class DriverRecords {
  private readonly task: Task

  constructor(task: Task) {
    this.task = task
  }

  /** A record of 16 words, all 0; 0 when memory is out. Not in a callback. */
  alloc(): WordAt {
    return allocObject(this.task, KIND)
  }

  /** Gives one back. Nobody may know it any more. */
  free(record: WordAt): void {
    freeObject(this.task, KIND, record)
  }
}
