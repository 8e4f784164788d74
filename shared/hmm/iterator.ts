/**
 * The iterator of a mirror page table (hmm_pt_iter). It holds a reference on every directory on the way to where it stands,
 * so what it points at cannot go away; it takes directory locks only to link and unlink.
 *
 *   lookup     the leaf directory that holds a page, or none
 *   populate   the same, making missing directories; none = memory is out
 *   walk       the first existing leaf directory at or after a page
 *   finish     leaves everything; directories that died on the way are freed after a grace period
 *
 * `directory[i]` is the directory of level i that the iterator is inside, the root included: one meaning of level in table
 * and iterator, as the review of the series asked for.
 *
 *     walker                                   the last iterator leaves directory D
 *     rcu section: loads the link to D
 *                                              REFS 1 -> 0
 *                                              parent's lock: clears the link if it still names D
 *     REFS is 0: D is absent                   [Required: D's memory is not reused before the walker's section ends]
 */
import { deferFree } from '../frame/deferred.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../sync/rcu.ts'
import {
  createDirectory,
  type Directory,
  directoryAddRefs,
  directoryBase,
  directoryEntryAt,
  directoryGetUnlessDead,
  directoryKind,
  directoryPutTest,
  freeDirectory,
  lockDirectory,
  NO_DIRECTORY,
  unlockDirectory,
} from './directory.ts'
import { directoryIndex, directoryLast, entryLast, type Geometry } from './geometry.ts'

/** A table as an iterator sees it. */
export interface TableView {
  readonly geometry: Geometry
  readonly root: Directory
}

/** Where a walker stands in a mirror page table; holds references until finish(). */
export class MirrorIterator {
  private readonly task: Task
  private readonly table: TableView
  private readonly directory: Directory[]
  /** Deepest level the iterator is inside; 0 = only the root, which needs no reference. */
  private depth = 0

  constructor(task: Task, table: TableView) {
    this.task = task
    this.table = table
    this.directory = new Array(table.geometry.leafLevel + 1).fill(NO_DIRECTORY)
    this.directory[0] = table.root
  }

  /** The leaf directory that holds `vpn`, or NO_DIRECTORY. */
  lookup(vpn: number): Directory {
    this.leaveFor(vpn)
    while (this.depth < this.table.geometry.leafLevel) if (!this.descend(vpn)) return NO_DIRECTORY
    return this.directory[this.depth] as Directory
  }

  /** The leaf directory that holds `vpn`, made if missing. NO_DIRECTORY when memory is out. */
  populate(vpn: number): Directory {
    this.leaveFor(vpn)
    while (this.depth < this.table.geometry.leafLevel) if (!this.descend(vpn) && !this.link(vpn)) return NO_DIRECTORY
    return this.directory[this.depth] as Directory
  }

  /**
   * The first page in [vpn, last] that lies in an existing leaf directory, or -1 when there is none. The iterator is then
   * inside that directory: `leaf()` and `leafLast()` speak of it.
   */
  walk(vpn: number, last: number): number {
    for (let at = vpn; at <= last; ) {
      this.leaveFor(at)
      let missing = false
      while (this.depth < this.table.geometry.leafLevel && !missing) missing = !this.descend(at)
      if (!missing) return at
      // Skip exactly the span of the missing entry: anything longer would jump over populated directories.
      at = entryLast(this.table.geometry, at, this.depth) + 1
    }
    return -1
  }

  /** The leaf directory the iterator is inside. */
  leaf(): Directory {
    assert(this.depth === this.table.geometry.leafLevel, 'the iterator is inside a leaf directory')
    return this.directory[this.depth] as Directory
  }

  /** Last page of the leaf directory the iterator is inside. */
  leafLast(vpn: number): number {
    return directoryLast(this.table.geometry, vpn, this.table.geometry.leafLevel)
  }

  /** Leaves every directory. Directories without entries die now. */
  finish(): void {
    while (this.depth > 0) this.leave()
  }

  /** Leaves, deepest first, every directory that does not cover `vpn`. */
  private leaveFor(vpn: number): void {
    while (this.depth > 0) {
      const base = directoryBase(this.task, this.directory[this.depth] as Directory)
      if (base <= vpn && vpn <= directoryLast(this.table.geometry, base, this.depth)) return
      this.leave()
    }
  }

  private leave(): void {
    const { task, table } = this
    const level = this.depth
    const directory = this.directory[level] as Directory
    const parent = this.directory[level - 1] as Directory
    this.directory[level] = NO_DIRECTORY
    this.depth = level - 1
    if (!directoryPutTest(task, directory)) return
    const at = directoryEntryAt(parent, directoryIndex(table.geometry, directoryBase(task, directory), level - 1))
    lockDirectory(task, table.geometry, parent, level - 1)
    // A populate that found us dead may have linked a fresh directory here already.
    if (atomicLoad(task, at) === directory) atomicStore(task, at, 0)
    unlockDirectory(task, parent)
    if (level - 1 > 0) directoryAddRefs(task, parent, -1) // the root is not counted
    deferFree(task, directoryKind(table.geometry, level), directory)
  }

  /** Enters the child that holds `vpn`. False if there is none, or it is dead. */
  private descend(vpn: number): boolean {
    const { task, table } = this
    const at = directoryEntryAt(this.directory[this.depth] as Directory, directoryIndex(table.geometry, vpn, this.depth))
    rcuReadLock(task)
    const child = atomicLoad(task, at) as Directory
    const entered = child !== NO_DIRECTORY && directoryGetUnlessDead(task, child)
    rcuReadUnlock(task)
    if (!entered) return false
    this.depth++
    this.directory[this.depth] = child
    return true
  }

  /** Links a new child for `vpn` and enters it, or enters the one another iterator linked meanwhile. False: memory is out. */
  private link(vpn: number): boolean {
    const { task, table } = this
    const { geometry } = table
    const level = this.depth
    const parent = this.directory[level] as Directory
    const base = Math.floor(vpn / (geometry.span[level] as number)) * (geometry.span[level] as number)
    const fresh = createDirectory(task, geometry, level + 1, base)
    const at = directoryEntryAt(parent, directoryIndex(geometry, vpn, level))
    lockDirectory(task, geometry, parent, level)
    const child = atomicLoad(task, at) as Directory
    const found = child !== NO_DIRECTORY && directoryGetUnlessDead(task, child)
    if (!found && fresh !== NO_DIRECTORY) {
      atomicStore(task, at, fresh) // possibly over a dead one, which then finds that the link no longer names it
      if (level > 0) directoryAddRefs(task, parent, 1)
    }
    unlockDirectory(task, parent)
    if (found && fresh !== NO_DIRECTORY) freeDirectory(task, geometry, fresh)
    if (!found && fresh === NO_DIRECTORY) return false
    this.depth = level + 1
    this.directory[this.depth] = found ? child : fresh
    return true
  }
}
