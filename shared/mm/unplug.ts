/**
 * Taking the device of a DAX file away, while processes map the file and other devices mirror it.
 *
 *   1  the page map dies: faults on the file are SIGBUS, a walk of ranges of 5.2 that meets one of its pages is -EBUSY; whoever
 *      was reading or making an entry is waited for (mm/pagemap.ts)
 *   2  every mapping of every process is unmapped, with event CLEAR (mm/punchhole.ts)
 *   3  the pages are given up
 *
 * So what is answered -EBUSY is not there for long: the invalidation is on its way. (Linux drivers/dax/super.c kill_dax, mm/memremap.c
 * memunmap_pages, 5.2.)
 */
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { type File, filePagemap, fileSize } from './file.ts'
import { killPagemap, NO_PAGEMAP } from './pagemap.ts'
import { punchFile } from './punchhole.ts'

/** Takes the device of `file`, a DAX file of which the caller has a use, away for ever. Sleeps; no lock held. */
export function unplugFile(task: Task, file: File): void {
  const map = filePagemap(task, file)
  assert(map !== NO_PAGEMAP, 'only a DAX file has a device')
  killPagemap(task, map)
  punchFile(task, file, 0, fileSize(task, file) - 1)
}
