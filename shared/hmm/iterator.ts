/**
 * The iterator of a mirror page table (hmm_pt_iter). It holds a reference on every directory on the way to where it stands,
 * one per level, so what it points at cannot go away; it takes directory locks only to link and unlink.
 *
 *   lookup     the entry of a page, if its leaf directory is there
 *   populate   the same, making missing directories; none = memory is out
 *   walk       the entry of the first page, at or after one, that has a leaf directory
 *   finish     leaves everything; directories that died on the way are freed after one grace period
 *
 * Each takes a page and the end of the caller's range, and answers with the word of an entry, or 0. Afterwards `vpn` is the page
 * it answered for, and `next` where the answer ends: entries up to there follow each other; after a 0 it is the end of the hole.
 * An entry's word may be used until the iterator moves out of its directory. Nobody tests entries here: walkers differ in the lock
 * they need for that, and some go through several tables with one address.
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
import { type Dead, deferFreeAll } from '../frame/deferred.ts'
import { EINVAL } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { WALKED } from '../seam/actors.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { inRcuSection, rcuReadLock, rcuReadUnlock } from '../sync/rcu.ts'
import {
  createDirectory,
  type Directory,
  directoryAddRefs,
  directoryBase,
  directoryEntryAt,
  directoryGetUnlessDead,
  directoryKind,
  directoryLockAt,
  directoryPutTest,
  directoryPutUnlessLast,
  freeDirectory,
  lockDirectory,
  NO_DIRECTORY,
  pdeDirectory,
  pdeOf,
  unlockDirectory,
} from './directory.ts'
import { directoryIndex, directoryLast, entryFirst, entryLast, type Geometry } from './geometry.ts'
import { keepDirectory, keepsDirectories, takeKept, touchKept } from './kept.ts'

/** A table as an iterator sees it. */
export interface TableView {
  readonly geometry: Geometry
  readonly root: Directory
}

/** Where a walker stands in a mirror page table; holds references until finish(). */
export class MirrorIterator {
  /** The page that the last call answered for. */
  vpn = 0
  /** Where the last answer ends: the first page that it says nothing about. */
  next = 0
  private readonly task: Task
  private readonly table: TableView
  private readonly directory: Directory[]
  /** Deepest level the iterator is inside; 0 = only the root, which needs no reference. */
  private depth = 0
  private readonly dead: Dead[] = []
  /** Are leaf directories that become empty offered to the list of kept ones? */
  private readonly keeps: boolean

  constructor(task: Task, table: TableView, keeps = keepsDirectories(task, table.root)) {
    this.task = task
    this.table = table
    this.keeps = keeps
    // As many as there can be levels: a list that is written out costs a tenth of one that is filled.
    this.directory = [table.root, NO_DIRECTORY, NO_DIRECTORY, NO_DIRECTORY, NO_DIRECTORY, NO_DIRECTORY]
  }

  /** The entry of `vpn`, or 0. */
  lookup(vpn: number, next = vpn + 1): WordAt {
    this.leaveFor(vpn)
    if (!this.descend(vpn)) return this.hole(vpn, next)
    return this.found(vpn, next)
  }

  /** The entry of `vpn`, whose directories are made if they are missing. 0 when memory is out. */
  populate(vpn: number, next = vpn + 1): WordAt {
    this.leaveFor(vpn)
    while (!this.descend(vpn)) if (!this.link(vpn)) return this.hole(vpn, next)
    return this.found(vpn, next)
  }

  /** The entry of the first page in [vpn, next) that has a leaf directory, or 0 when there is none; then vpn is next. */
  walk(vpn: number, next: number): WordAt {
    for (let at = vpn; at < next; ) {
      this.leaveFor(at)
      if (this.descend(at)) return this.found(at, next)
      at = this.behindHole(at, next)
    }
    this.vpn = next
    this.next = next
    return 0
  }

  /** Leaves every directory. Those without entries die, or are kept; the dead are freed after a grace period. Never waits. */
  finish(): void {
    while (this.depth > 0) this.leave()
    if (this.dead.length > 0) deferFreeAll(this.task, this.dead.splice(0))
  }

  /** The directory of `level` that the iterator is inside, or NO_DIRECTORY. */
  inside(level: number): Directory {
    return this.directory[level] as Directory
  }

  /** Locks the entries of the leaf directory that the iterator is inside (hmm_pt_iter_directory_lock). */
  lockLeaf(): void {
    lockDirectory(this.task, this.table.geometry, this.leaf(), this.depth)
  }

  unlockLeaf(): void {
    unlockDirectory(this.task, this.leaf())
  }

  /**
   * Word of the spinlock that lockLeaf takes (hmm_pt_iter_directory_lock_ptr), class `mirrorLeaf`: for code that is handed a lock and
   * knows no iterator. It is that lock until the iterator moves out of the directory.
   */
  leafLockAt(): WordAt {
    return directoryLockAt(this.leaf())
  }

  /**
   * Counts `count` entries of this leaf directory that became valid (hmm_pt_iter_directory_ref), or invalid when it is negative
   * (unref). A change between two valid values, as from a page to its bus address, counts nothing.
   */
  countValid(count: number): void {
    directoryAddRefs(this.task, this.leaf(), count)
  }

  /**
   * Enters `directory`, a child of the deepest one, of level `level` (hmm_pt_iter_protect_directory). 1; 0 when it is dead;
   * -EINVAL for the root, or when a directory of that level is protected already. Caller is inside the rcu section in which it
   * loaded the link; this leaves the section.
   */
  protectDirectory(directory: Directory, level: number): number {
    const { task } = this
    assert(inRcuSection(task), 'a directory is protected inside the rcu section that found it')
    const free = level > 0 && this.directory[level] === NO_DIRECTORY
    const alive = free && directoryGetUnlessDead(task, directory)
    rcuReadUnlock(task)
    if (!free) return -EINVAL
    if (!alive) return 0
    this.directory[level] = directory
    this.depth = level
    return 1
  }

  private leaf(): Directory {
    assert(this.inLeaf(), 'the iterator is inside a leaf directory')
    return this.directory[this.depth] as Directory
  }

  private inLeaf(): boolean {
    return this.depth === this.table.geometry.leafLevel
  }

  private found(vpn: number, next: number): WordAt {
    const { geometry } = this.table
    this.vpn = vpn
    this.next = Math.min(next, directoryLast(geometry, vpn, this.depth) + 1)
    return directoryEntryAt(this.directory[this.depth] as Directory, directoryIndex(geometry, vpn, this.depth))
  }

  private hole(vpn: number, next: number): WordAt {
    this.vpn = vpn
    this.next = Math.min(next, entryLast(this.table.geometry, vpn, this.depth) + 1)
    return 0
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
    if (!this.putTest(directory, level)) return
    const at = directoryEntryAt(parent, directoryIndex(table.geometry, directoryBase(task, directory), level - 1))
    lockDirectory(task, table.geometry, parent, level - 1)
    // A populate that found us dead may have linked a fresh directory here already.
    if (atomicLoad(task, at) === pdeOf(directory)) atomicStore(task, at, 0)
    unlockDirectory(task, parent)
    if (level - 1 > 0) directoryAddRefs(task, parent, -1) // the root is not counted
    this.dead.push({ kind: directoryKind(table.geometry, level), object: directory })
  }

  /** Gives up the iterator's reference; true when the directory is dead now. */
  private putTest(directory: Directory, level: number): boolean {
    const { task, table } = this
    if (!this.keeps || level !== table.geometry.leafLevel) return directoryPutTest(task, directory)
    touchKept(task, directory)
    if (directoryPutUnlessLast(task, directory)) return false
    return !keepDirectory(task, table.root, directory) && directoryPutTest(task, directory)
  }

  /**
   * Where the hole ends that begins with the missing entry of `vpn`: at the next entry of the same directory that is there, at its end,
   * or at `next`. Each step skips exactly the span of a missing entry: anything longer would jump over populated directories.
   */
  private behindHole(vpn: number, next: number): number {
    const { task, depth } = this
    const { geometry } = this.table
    const directory = this.directory[depth] as Directory
    const end = depth === 0 ? next : Math.min(next, directoryLast(geometry, vpn, depth) + 1)
    let at = entryLast(geometry, vpn, depth) + 1
    while (at < end && atomicLoad(task, directoryEntryAt(directory, directoryIndex(geometry, at, depth))) === 0) {
      at = entryLast(geometry, at, depth) + 1
      task.words[task.record + WALKED] = at | 0
    }
    return at
  }

  /** Enters the leaf directory of `vpn`, as far as there is a way, in one rcu section. False if an entry on it is missing, or dead. */
  private descend(vpn: number): boolean {
    if (this.inLeaf()) return true
    rcuReadLock(this.task)
    while (this.enterChild(vpn) && !this.inLeaf());
    rcuReadUnlock(this.task)
    return this.inLeaf()
  }

  /** Enters the child that holds `vpn`. False if there is none, or it is dead. */
  private enterChild(vpn: number): boolean {
    const { task, table } = this
    const at = directoryEntryAt(this.directory[this.depth] as Directory, directoryIndex(table.geometry, vpn, this.depth))
    for (;;) {
      rcuReadLock(task)
      const child = pdeDirectory(atomicLoad(task, at))
      if (child === NO_DIRECTORY) {
        rcuReadUnlock(task)
        return false
      }
      if (this.protectDirectory(child, this.depth + 1) === 1) return true
      // Lost to a dying directory. Somebody may have linked another one already; while nobody has, there is a hole.
      if (atomicLoad(task, at) === pdeOf(child)) return false
    }
  }

  /** Links a new child for `vpn` and enters it, or enters the one another iterator linked meanwhile. False: memory is out. */
  private link(vpn: number): boolean {
    const { task, table } = this
    const { geometry } = table
    const level = this.depth
    const parent = this.directory[level] as Directory
    const fresh = this.createChild(vpn)
    const at = directoryEntryAt(parent, directoryIndex(geometry, vpn, level))
    lockDirectory(task, geometry, parent, level)
    const child = pdeDirectory(atomicLoad(task, at))
    const found = child !== NO_DIRECTORY && directoryGetUnlessDead(task, child)
    if (!found && fresh !== NO_DIRECTORY) {
      atomicStore(task, at, pdeOf(fresh)) // possibly over a dead one, which then finds that the link no longer names it
      if (level > 0) directoryAddRefs(task, parent, 1)
    }
    unlockDirectory(task, parent)
    if (found && fresh !== NO_DIRECTORY) freeDirectory(task, geometry, fresh)
    if (!found && fresh === NO_DIRECTORY) return false
    this.depth = level + 1
    this.directory[this.depth] = found ? child : fresh
    return true
  }

  /** A directory for the child that holds `vpn`. When memory is out, what the table keeps is given up for it. */
  private createChild(vpn: number): Directory {
    const { task, table } = this
    const base = entryFirst(table.geometry, vpn, this.depth)
    const fresh = createDirectory(task, table.geometry, this.depth + 1, base)
    if (fresh !== NO_DIRECTORY || dropKept(task, table, () => true) === 0) return fresh
    return createDirectory(task, table.geometry, this.depth + 1, base)
  }
}

/**
 * Ends the keeping of directories that `wanted` names: those that are still empty die, by the same steps as any other. Returns
 * how many. No directory lock held; never waits.
 */
export function dropKept(task: Task, table: TableView, wanted: (leaf: Directory) => boolean): number {
  const iterator = new MirrorIterator(task, table, false)
  let dropped = 0
  for (let leaf = takeKept(task, table.root, wanted); leaf !== NO_DIRECTORY; leaf = takeKept(task, table.root, wanted)) {
    iterator.lookup(directoryBase(task, leaf))
    assert(iterator.inside(table.geometry.leafLevel) === leaf, 'a kept directory is alive, and so its link leads to it')
    iterator.countValid(-1) // what keeps it alive from here is the iterator, and entries that came back
    dropped++
  }
  iterator.finish()
  return dropped
}
