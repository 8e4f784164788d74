/**
 * A mirror page table as a whole: made with its root (hmm_pt_init), taken down bottom up (hmm_pt_fini), and, for one that keeps
 * empty directories for a while, who of them goes when:
 *
 *   pruneIdle     by its keeper: those that nobody used for the table's time; all of them when memory got short
 *   pruneInside   munmap of all that a directory covers: nobody will fill it again
 *   pruneRange    discard: the driver is done with these addresses
 *   pruneAll      the mirror ends
 *
 * A populate that finds no memory gives up all kept ones of its own table (iterator.ts).
 */
import { atomicLoad } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'
import {
  createDirectory,
  type Directory,
  directoryBase,
  directoryEntryAt,
  freeDirectory,
  NO_DIRECTORY,
  pdeDirectory,
} from './directory.ts'
import { DIRECTORY_ENTRIES, type Geometry } from './geometry.ts'
import { dropKept, type TableView } from './iterator.ts'
import { keepsDirectories, keptCount, keptLongEnough, memoryGotShort } from './kept.ts'

/** The root of a new table, or NO_DIRECTORY when memory is out. */
export function createTable(task: Task, geometry: Geometry): Directory {
  return createDirectory(task, geometry, 0, 0)
}

/**
 * Frees every directory, bottom up, and the root. No walker exists. Page entries are not looked at: dirty bits and DMA mappings
 * were dealt with before.
 */
export function freeTable(task: Task, { geometry, root }: TableView): void {
  freeBelow(task, geometry, root, 0)
}

function freeBelow(task: Task, geometry: Geometry, directory: Directory, level: number): void {
  const entries = level === 0 ? geometry.rootEntries : DIRECTORY_ENTRIES
  for (let i = 0; i < entries && level < geometry.leafLevel; i++) {
    const child = pdeDirectory(atomicLoad(task, directoryEntryAt(directory, i)))
    if (child !== NO_DIRECTORY) freeBelow(task, geometry, child, level + 1)
  }
  freeDirectory(task, geometry, directory)
}

/** Ends the keeping of what nobody used for the table's time, or of all when memory got short. Returns how many stay. Keeper only. */
export function pruneIdle(task: Task, table: TableView, nowMs: number): number {
  const { root } = table
  if (keptCount(task, root) === 0) return 0
  const all = memoryGotShort(task, root)
  dropKept(task, table, (leaf) => all || keptLongEnough(task, root, leaf, nowMs))
  return keptCount(task, root)
}

/** Ends the keeping of directories that cover nothing but pages of [start, last]. */
export function pruneInside(task: Task, table: TableView, start: number, last: number): void {
  prune(task, table, (first) => start <= first && first + DIRECTORY_ENTRIES - 1 <= last)
}

/** Ends the keeping of directories that cover a page of [start, last]. */
export function pruneRange(task: Task, table: TableView, start: number, last: number): void {
  prune(task, table, (first) => start <= first + DIRECTORY_ENTRIES - 1 && first <= last)
}

export function pruneAll(task: Task, table: TableView): void {
  prune(task, table, () => true)
}

function prune(task: Task, table: TableView, covers: (first: number) => boolean): void {
  if (!keepsDirectories(task, table.root)) return
  dropKept(task, table, (leaf) => covers(directoryBase(task, leaf)))
}
