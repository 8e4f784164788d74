/**
 * Delayed reclaim of mirror directories, where it meets the device: a machine that is booted for it has every new mirror keep its
 * empty leaf directories for a while (hmm/kept.ts). Each device's service ends that, between its faults (service.ts); an munmap
 * of all that a directory covers ends it at once.
 */
import { type Mirror, mirrorKeepDirectories, mirrorTable } from '../hmm/mirror.ts'
import { pruneInside } from '../hmm/table.ts'
import { NOTIFY } from '../notifier/events.ts'
import { type NotifierRange, rangeEvent, rangeLast, rangeStart } from '../notifier/windows.ts'
import { KEEP_DIRECTORIES_MS_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { deviceService } from './record.ts'

/** How long directories are kept on this machine, in milliseconds; 0: they die when they are empty. */
export function keepMs(task: Task): number {
  return task.words[KEEP_DIRECTORIES_MS_AT] as number
}

/** Sets a new mirror of `device` up. Only the opener knows it yet. */
export function setUpKeeping(task: Task, device: number, mirror: Mirror): void {
  if (keepMs(task) > 0) mirrorKeepDirectories(task, mirror, keepMs(task), deviceService(task, device))
}

/** The mirror was told of `range`. What an munmap covers as a whole is not kept. Any lock may be held. */
export function forgetUnmapped(task: Task, mirror: Mirror, range: NotifierRange): void {
  if (keepMs(task) === 0 || rangeEvent(task, range) !== NOTIFY.unmap) return
  pruneInside(task, mirrorTable(task, mirror), rangeStart(task, range), rangeLast(task, range))
}
