/**
 * Eras: which generation of the protocol lies between the drivers of a machine and its notifiers. One switch per machine, set at
 * boot; the memory management below and the devices above are the same in all.
 *
 *   events             2016, v12: HMM fills the mirror table on device faults and sends events; faults back off from the CPU
 *   range-valid        2019, 5.2: ranges that invalidations mark, an hmm per mm; the rules as intended, not the defects
 *   sequence           5.5: interval notifiers, read_begin and read_retry. The default
 *   two-pass           7.x: as sequence, with callbacks that start their work first and finish it when all have started
 *   unlocked-timeout   7.x: as sequence, with a fault that takes mmap_sem itself, gives it up while it waits, and has a deadline
 */
import { assert } from '../seam/error.ts'
import { ERA_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'

export const ERAS = ['events', 'range-valid', 'sequence', 'two-pass', 'unlocked-timeout'] as const
/** A generation of the protocol between drivers and notifiers (docs/eras.md). */
export type Era = (typeof ERAS)[number]
export const DEFAULT_ERA: Era = 'sequence'

/** Word of the superblock for an era. */
export function eraNumber(era: Era): number {
  return ERAS.indexOf(era)
}

/** The machine's era. Fixed when it was laid out. */
export function eraOf(task: Task): Era {
  const era = ERAS[task.words[ERA_AT] as number]
  assert(era !== undefined, 'a machine has an era')
  return era
}
