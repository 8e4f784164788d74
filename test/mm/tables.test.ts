/** When does a page table come, and when does it go: only when no area touches what it spans? */
import t from 'tap'
import { reapDeferred } from '../../shared/frame/deferred.ts'
import { liveCounts } from '../../shared/frame/objects.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmRoot } from '../../shared/mm/mm.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { entrySpan, findLeaf, NO_TABLE, PMD_LEVEL, skipMissing } from '../../shared/mm/pagetable.ts'
import { LAST_VPN } from '../../shared/mm/vma.ts'
import type { Task } from '../../shared/seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../../shared/sync/rcu.ts'
import { A, area, load, NONE, newSpace, RO, RW, store } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

/** Tables below the root, dead ones that wait for a grace period not counted. */
function tables(task: Task): number {
  reapDeferred(task)
  return liveCounts(task).get('page table') ?? 0
}

const LEAF = 512
const PMD = 512 * LEAF
const PUD = 512 * PMD

t.test('an area has no table until a page is touched; then one on each level', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4 * LEAF, RW)
  t.equal(tables(task), 0)
  t.equal(skipMissing(task, mmRoot(task, mm), A), PUD, 'the whole span of a missing entry is skipped')
  load(task, A)
  t.equal(tables(task), 3)
  load(task, A + LEAF - 1)
  t.equal(tables(task), 3)
  load(task, A + LEAF)
  t.equal(tables(task), 4)
  load(task, LAST_VPN - 1)
  t.equal(tables(task), 4, 'a hole gets none')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('spans follow from nine bits a level', async (t) => {
  t.same([0, 1, PMD_LEVEL, 3].map(entrySpan), [PUD, PMD, LEAF, 1])
})

t.test('munmap keeps a leaf that another area touches, also one that has no entry in it', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  area(task, mm, A + 8, 1, RO)
  store(task, A, 1)
  munmap(task, mm, A, 4)
  t.equal(tables(task), 3)
  t.not(findLeaf(task, mmRoot(task, mm), A), NO_TABLE)
  munmap(task, mm, A + 8, 1)
  t.equal(tables(task), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('each level goes with the last area in its span', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const pages = [PUD, PUD + LEAF, PUD + PMD, 2 * PUD]
  for (const vpn of pages) {
    area(task, mm, vpn, 1, RW)
    store(task, vpn, 1)
  }
  // Root -> two second-level tables; below the first one two third-level ones; below the first of those two leaves.
  t.equal(tables(task), 3 + 1 + 2 + 3)
  munmap(task, mm, PUD, 1)
  t.equal(tables(task), 8, 'a leaf')
  munmap(task, mm, PUD + LEAF, 1)
  t.equal(tables(task), 6, 'a leaf and its third-level table')
  munmap(task, mm, PUD + PMD, 1)
  t.equal(tables(task), 3, 'a leaf and both levels above')
  munmap(task, mm, 0, LAST_VPN + 1)
  t.equal(tables(task), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a munmap inside one area frees the leaves that lie wholly in the hole', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4 * LEAF, RW)
  for (let i = 0; i < 4; i++) store(task, A + i * LEAF, i)
  t.equal(tables(task), 6)
  munmap(task, mm, A + 1, 3 * LEAF)
  t.equal(tables(task), 4, 'the second and the third; the first and the fourth are still touched')
  t.same([load(task, A), load(task, A + 3 * LEAF)], [0, 'segv'])
  t.equal(load(task, A + 3 * LEAF + 1), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontneed and mprotect empty or change entries, never tables', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, LEAF, RW)
  store(task, A, 1)
  madvise(task, mm, A, LEAF, ADVICE.dontneed)
  t.equal(tables(task), 3)
  mprotect(task, mm, A, LEAF, NONE)
  t.equal(tables(task), 3)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a move makes tables at the new place only for leaves that have something, and frees the old ones', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 8 * LEAF, RW)
  store(task, A + 3 * LEAF, 1)
  t.equal(mremap(task, mm, A, 8 * LEAF, 8 * LEAF, MREMAP_MAYMOVE | MREMAP_FIXED, 5 * PUD), 5 * PUD)
  t.equal(tables(task), 3)
  t.equal(load(task, 5 * PUD + 3 * LEAF), 1)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a freed table waits for readers that came before: a grace period', async (t) => {
  const { task, other, leftovers } = solo()
  const reader = other(1)
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  rcuReadLock(reader)
  const leaf = findLeaf(reader, mmRoot(task, mm), A)
  munmap(task, mm, A, 1)
  t.equal(tables(task), 3, 'unlinked, not freed')
  t.equal(findLeaf(task, mmRoot(task, mm), A), NO_TABLE)
  t.not(leaf, NO_TABLE)
  rcuReadUnlock(reader)
  t.equal(tables(task), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('exit frees them all', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  for (const vpn of [16, A, PMD * 3, PUD * 7, LAST_VPN]) {
    area(task, mm, vpn, 1, RW)
    store(task, vpn, 1)
  }
  t.ok(tables(task) > 8)
  mmPut(task, mm)
  t.equal(tables(task), 0)
  t.same(leftovers(), [])
})
