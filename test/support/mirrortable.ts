/**
 * A mirror page table alone, without a mirror, a device or an address space: for tests of its directories and iterators. It
 * reaches up to 2^48 - 1 unless told otherwise, so that levels 1 to 3 are below the root.
 *
 *     const table = newTable(task)
 *     table.fill(5)                    // a valid entry, by an iterator of its own
 *     table.refs(5, 3)                 // the counter of the leaf directory: 1
 *     table.clear(5)                   // null for table.refs(5, 3): it died
 *     table.free()
 */
import type { Frame } from '../../shared/frame/frames.ts'
import { type Directory, directoryEntryAt, directoryRefs, NO_DIRECTORY, pdeDirectory } from '../../shared/hmm/directory.ts'
import { directoryIndex, geometryForAddress } from '../../shared/hmm/geometry.ts'
import { MirrorIterator, type TableView } from '../../shared/hmm/iterator.ts'
import { keepDirectories } from '../../shared/hmm/kept.ts'
import { hmmPteFromPfn } from '../../shared/hmm/mirrorpte.ts'
import { createTable, freeTable } from '../../shared/hmm/table.ts'
import { atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'

export interface TestTable {
  readonly view: TableView
  /** Makes the entry of page `vpn` valid, unless it is. */
  fill(vpn: number): void
  /** Makes it invalid, unless it is. */
  clear(vpn: number): void
  /** The directory of `level` that covers `vpn`, dead or alive, or NO_DIRECTORY. */
  directory(vpn: number, level: number): Directory
  /** Its counter; null when there is none. */
  refs(vpn: number, level: number): number | null
  free(): void
}

export interface TestTableOptions {
  /** Highest address. */
  readonly last?: number
  /** How long empty directories are kept. */
  readonly keepMs?: number
}

export function newTable(task: Task, { last = 2 ** 48 - 1, keepMs = 0 }: TestTableOptions = {}): TestTable {
  const geometry = geometryForAddress(last)
  const root = createTable(task, geometry)
  assert(root !== NO_DIRECTORY, 'there is memory for a table')
  keepDirectories(task, root, keepMs, task.id)
  const view = { geometry, root }
  const directory = (vpn: number, level: number) => {
    let at = root
    for (let i = 0; i < level && at !== NO_DIRECTORY; i++)
      at = pdeDirectory(atomicLoad(task, directoryEntryAt(at, directoryIndex(geometry, vpn, i))))
    return at
  }
  return {
    view,
    fill: (vpn) => setEntry(task, new MirrorIterator(task, view), vpn, hmmPteFromPfn((1 + (vpn % 1000)) as Frame)),
    clear: (vpn) => setEntry(task, new MirrorIterator(task, view), vpn, 0),
    directory,
    refs: (vpn, level) => {
      const found = directory(vpn, level)
      return found === NO_DIRECTORY ? null : directoryRefs(task, found)
    },
    free: () => freeTable(task, view),
  }
}

/** Writes an entry as its owner would, and finishes the iterator. */
export function setEntry(task: Task, iterator: MirrorIterator, vpn: number, value: number): void {
  const at = value === 0 ? iterator.lookup(vpn) : iterator.populate(vpn)
  if (at !== 0) {
    iterator.lockLeaf()
    const before = atomicLoad(task, at)
    atomicStore(task, at, value)
    iterator.unlockLeaf()
    iterator.countValid((value === 0 ? 0 : 1) - (before === 0 ? 0 : 1))
  }
  iterator.finish()
}
