/**
 * Small programs over one mirror page table of two levels, for two or three threads: filling and clearing pages of one leaf
 * directory, and walking over it, while it dies, is replaced, or is kept. Afterwards nothing is lost and nothing is left.
 *
 *   word   0      1         2
 *        +------+---------+------+
 *        | ROOT | FILLED  | SEEN |     FILLED: bits of the pages 0 to 3 that are valid now, as their owners say
 *        +------+---------+------+
 */

import { reapDeferred } from '../../../shared/frame/deferred.ts'
import type { Frame } from '../../../shared/frame/frames.ts'
import { liveCounts } from '../../../shared/frame/objects.ts'
import { type Directory, directoryEntryAt, directoryRefs, NO_DIRECTORY, pdeDirectory } from '../../../shared/hmm/directory.ts'
import { geometryFor } from '../../../shared/hmm/geometry.ts'
import { MirrorIterator, type TableView } from '../../../shared/hmm/iterator.ts'
import { keepDirectories, keptCount } from '../../../shared/hmm/kept.ts'
import { hmmPteFromPfn } from '../../../shared/hmm/mirrorpte.ts'
import { createTable, pruneAll } from '../../../shared/hmm/table.ts'
import type { WordAt } from '../../../shared/memory/words.ts'
import { atomicLoad, atomicStore, quietLoad, quietOr, quietStore } from '../../../shared/seam/atomics.ts'
import type { Task } from '../../../shared/seam/task.ts'

const ROOT = 0
const FILLED = 1
const SEEN = 2
/** Two leaf directories below the root. */
const GEOMETRY = geometryFor(1023)
const PAGES = 4

function view(task: Task, at: WordAt): TableView {
  return { geometry: GEOMETRY, root: task.words[at + ROOT] as Directory }
}

function set(task: Task, at: WordAt, page: number, value: number): void {
  const iterator = new MirrorIterator(task, view(task, at))
  const entry = value === 0 ? iterator.lookup(page) : iterator.populate(page)
  if (entry !== 0) {
    iterator.lockLeaf()
    const before = atomicLoad(task, entry)
    atomicStore(task, entry, value)
    iterator.unlockLeaf()
    iterator.countValid((value === 0 ? 0 : 1) - (before === 0 ? 0 : 1))
  }
  iterator.finish()
}

function fill(task: Task, at: WordAt, page: number): void {
  set(task, at, page, hmmPteFromPfn((page + 1) as Frame))
  quietOr(task, at + FILLED, 1 << page)
}

/** A table with page 0 filled. */
export function oneFilled(task: Task, at: WordAt): void {
  quietStore(task, at + ROOT, createTable(task, GEOMETRY))
  fill(task, at, 0)
}

export function oneFilledAndKeeping(task: Task, at: WordAt): void {
  quietStore(task, at + ROOT, createTable(task, GEOMETRY))
  keepDirectories(task, view(task, at).root, 1, 0)
  fill(task, at, 0)
}

/** Takes page 0 away: whoever leaves last ends the directory. */
export function clearFirst(task: Task, at: WordAt): void {
  set(task, at, 0, 0)
  task.words[at + FILLED] = (task.words[at + FILLED] as number) & ~1
}

/** The same, and frees what is dead as soon as that may be. */
export function clearFirstAndReap(task: Task, at: WordAt): void {
  clearFirst(task, at)
  reapDeferred(task)
}

export function fillSecond(task: Task, at: WordAt): void {
  fill(task, at, 1)
}

export function fillThird(task: Task, at: WordAt): void {
  fill(task, at, 2)
}

/** Goes in and out, and makes what is missing on the way. */
export function populateAndLeave(task: Task, at: WordAt): void {
  const iterator = new MirrorIterator(task, view(task, at))
  iterator.populate(3)
  iterator.finish()
}

/** Looks at every entry there is. */
export function walkAll(task: Task, at: WordAt): void {
  const iterator = new MirrorIterator(task, view(task, at))
  for (let entry = iterator.walk(0, 1024); entry !== 0; entry = iterator.walk(iterator.next, 1024)) {
    let seen = 0
    for (let page = 0; page < PAGES; page++) if (atomicLoad(task, entry + page) !== 0) seen |= 1 << page
    quietOr(task, at + SEEN, seen)
  }
  iterator.finish()
}

/** As the keeper when memory is short: nothing is kept any longer. */
export function dropAllKept(task: Task, at: WordAt): void {
  pruneAll(task, view(task, at))
}

/** Entries are what their owners made them, counters are exact, and every directory that is not linked was freed. */
export function nothingLost(task: Task, at: WordAt): void {
  const table = view(task, at)
  pruneAll(task, table)
  if (keptCount(task, table.root) !== 0) throw new Error('a directory is kept that is not on the list')
  const filled = quietLoad(task, at + FILLED)
  const leaf = pdeDirectory(task.words[directoryEntryAt(table.root, 0)] as number)
  let valid = 0
  for (let page = 0; page < PAGES; page++) {
    const there = leaf !== NO_DIRECTORY && task.words[directoryEntryAt(leaf, page)] !== 0
    if (there !== (((filled >> page) & 1) === 1)) throw new Error(`page ${page} is ${there ? 'there' : 'lost'}`)
    if (there) valid++
  }
  const refs = leaf === NO_DIRECTORY ? 0 : directoryRefs(task, leaf)
  if (refs !== valid) throw new Error(`the counter is ${refs}, with ${valid} valid entries`)
  reapDeferred(task)
  const live = liveCounts(task).get('mirror leaf directory')
  if (live !== (leaf === NO_DIRECTORY ? 0 : 1)) throw new Error(`${live} leaf directories are alive`)
}
