/**
 * Which errno answers which wrong argument? A refused call changes nothing; the two that the kernel does in part before they
 * fail (mprotect and madvise over a hole) have tests of their own.
 */
import t from 'tap'
import { EEXIST, EFAULT, EINVAL, ENOMEM, errnoName } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createFile, filePut, MAX_FILE_PAGES, NO_FILE } from '../../shared/mm/file.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_ANYWHERE, PLACE_FIXED, PLACE_NOREPLACE } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { LAST_VPN, VM_SHARED } from '../../shared/mm/vma.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, areas, load, newSpace, RO, RW, store } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

/** Pages of an address space: 2^44 bytes. */
const SPACE = LAST_VPN + 1
/** Numbers that are neither a page number nor a size. */
const NOT_WHOLE = [-1, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_SAFE_INTEGER]
const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED

type Call = readonly [result: number, what: string, call: (task: Task, mm: Mm) => number]

/** Every call must answer with its errno and leave the address space as it was. */
function refuses(name: string, calls: readonly Call[]): void {
  t.test(name, async (t) => {
    const { task, leftovers } = solo()
    const mm = newSpace(task)
    area(task, mm, A, 8, RW)
    area(task, mm, A + 8, 8, RO)
    area(task, mm, LAST_VPN, 1, RW)
    for (let i = 0; i < 8; i++) store(task, A + i, i)
    const before = areas(task, mm)
    for (const [expected, what, call] of calls) {
      const result = call(task, mm)
      t.equal(result, expected, `${what}: ${errnoName(expected)}`)
      t.same(areas(task, mm), before)
    }
    for (let i = 0; i < 8; i++) t.equal(load(task, A + i), i)
    mmPut(task, mm)
    t.same(leftovers(), [])
  })
}

refuses('mmap', [
  [-EINVAL, 'no pages', (task, mm) => mmap(task, mm, A + 100, 0, RW, PLACE_FIXED)],
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `${n} pages`, (task, mm) => mmap(task, mm, A + 100, n, RW, PLACE_FIXED)]),
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `at page ${n}`, (task, mm) => mmap(task, mm, n, 1, RW, PLACE_FIXED)]),
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `at page ${n}`, (task, mm) => mmap(task, mm, n, 1, RW, PLACE_NOREPLACE)]),
  [-EINVAL, 'rights that there are not', (task, mm) => mmap(task, mm, A + 100, 1, 1 << 9, PLACE_FIXED)],
  [-EINVAL, 'negative rights', (task, mm) => mmap(task, mm, A + 100, 1, -1, PLACE_FIXED)],
  [-EINVAL, 'shared memory without a file', (task, mm) => mmap(task, mm, A + 100, 1, RW | VM_SHARED, PLACE_FIXED)],
  [-ENOMEM, 'beyond the last page', (task, mm) => mmap(task, mm, LAST_VPN, 2, RW, PLACE_FIXED)],
  [-ENOMEM, 'at the end of the address space', (task, mm) => mmap(task, mm, SPACE, 1, RW, PLACE_FIXED)],
  [-ENOMEM, 'anywhere, more than there is', (task, mm) => mmap(task, mm, 0, LAST_VPN, RW, PLACE_ANYWHERE)],
  [-ENOMEM, 'more than an address space has', (task, mm) => mmap(task, mm, 0, SPACE * 2, RW, PLACE_FIXED)],
  [-ENOMEM, 'more than that, anywhere', (task, mm) => mmap(task, mm, 0, SPACE * 2, RW, PLACE_ANYWHERE)],
  [-EEXIST, 'the same place', (task, mm) => mmap(task, mm, A, 8, RW, PLACE_NOREPLACE)],
  [-EEXIST, 'overlap with the first page', (task, mm) => mmap(task, mm, A - 3, 4, RW, PLACE_NOREPLACE)],
  [-EEXIST, 'overlap with the last page', (task, mm) => mmap(task, mm, A + 15, 4, RW, PLACE_NOREPLACE)],
  [-EEXIST, 'around everything', (task, mm) => mmap(task, mm, A - 3, 40, RW, PLACE_NOREPLACE)],
])

t.test('a file mapping begins and ends within what a file may have', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = createFile(task, 4)
  const map = (pages: number, pgoff: number) => mmap(task, mm, A, pages, RW, PLACE_FIXED, file, pgoff)
  for (const pgoff of NOT_WHOLE) t.equal(map(1, pgoff), -EINVAL, `offset ${pgoff}`)
  t.equal(map(1, MAX_FILE_PAGES), -EINVAL)
  t.equal(map(MAX_FILE_PAGES + 1, 0), -EINVAL)
  t.same(areas(task, mm), [])
  t.equal(map(1, MAX_FILE_PAGES - 1), A, 'beyond the end of this file is no mistake of mmap')
  t.equal(load(task, A), 'sigbus')
  filePut(task, file)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a place just beside others is free', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 8, RW)
  t.equal(mmap(task, mm, A + 8, 2, RO, PLACE_NOREPLACE), A + 8)
  t.equal(mmap(task, mm, A - 2, 2, RO, PLACE_NOREPLACE), A - 2)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('anywhere: the lowest gap that is wide enough, above the pages that nobody gets', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const first = mmap(task, mm, 0, 4, RW, PLACE_ANYWHERE, NO_FILE)
  t.ok(first > 0, 'page 0 stays unmapped')
  area(task, mm, first + 6, 4, RO)
  t.equal(mmap(task, mm, 0, 3, RO, PLACE_ANYWHERE), first + 10, 'two pages between are too few')
  t.equal(mmap(task, mm, 0, 2, RO, PLACE_ANYWHERE), first + 4)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

refuses('munmap', [
  [-EINVAL, 'no pages', (task, mm) => munmap(task, mm, A, 0)],
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `${n} pages`, (task, mm) => munmap(task, mm, A, n)]),
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `at page ${n}`, (task, mm) => munmap(task, mm, n, 1)]),
  [-EINVAL, 'beyond the last page', (task, mm) => munmap(task, mm, LAST_VPN, 2)],
  [-EINVAL, 'at the end of the address space', (task, mm) => munmap(task, mm, SPACE, 1)],
])

refuses('mprotect', [
  [0, 'no pages', (task, mm) => mprotect(task, mm, A, 0, RO)],
  [0, 'no pages, in a hole', (task, mm) => mprotect(task, mm, A + 100, 0, RO)],
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `${n} pages`, (task, mm) => mprotect(task, mm, A, n, RO)]),
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `at page ${n}`, (task, mm) => mprotect(task, mm, n, 1, RO)]),
  [-EINVAL, 'rights that there are not', (task, mm) => mprotect(task, mm, A, 1, 8)],
  [-EINVAL, 'negative rights', (task, mm) => mprotect(task, mm, A, 1, -1)],
  [-ENOMEM, 'nothing mapped', (task, mm) => mprotect(task, mm, A + 100, 4, RO)],
  [-ENOMEM, 'a hole at the front', (task, mm) => mprotect(task, mm, A - 1, 4, RO)],
  [-ENOMEM, 'beyond the last page', (task, mm) => mprotect(task, mm, LAST_VPN, 2, RO)],
])

refuses('madvise', [
  [0, 'no pages', (task, mm) => madvise(task, mm, A, 0, ADVICE.dontneed)],
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `${n} pages`, (task, mm) => madvise(task, mm, A, n, ADVICE.dontneed)]),
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `at page ${n}`, (task, mm) => madvise(task, mm, n, 1, ADVICE.dontneed)]),
  ...[-1, 11, 99, 0.5, Number.NaN].map((n): Call => [-EINVAL, `advice ${n}`, (task, mm) => madvise(task, mm, A, 4, n)]),
  [-EINVAL, 'beyond the last page', (task, mm) => madvise(task, mm, LAST_VPN, 2, ADVICE.dontneed)],
  [-ENOMEM, 'nothing mapped', (task, mm) => madvise(task, mm, A + 100, 4, ADVICE.dontfork)],
  [-ENOMEM, 'populating a hole', (task, mm) => madvise(task, mm, A + 100, 4, ADVICE.populateRead)],
  [-EINVAL, 'populating for writing what may not be written', (task, mm) => madvise(task, mm, A + 8, 1, ADVICE.populateWrite)],
])

refuses('mremap', [
  [-EINVAL, 'no old pages', (task, mm) => mremap(task, mm, A, 0, 4, MREMAP_MAYMOVE)],
  [-EINVAL, 'no new pages', (task, mm) => mremap(task, mm, A, 4, 0, MREMAP_MAYMOVE)],
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `${n} old pages`, (task, mm) => mremap(task, mm, A, n, 4, MREMAP_MAYMOVE)]),
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `${n} new pages`, (task, mm) => mremap(task, mm, A, 4, n, MREMAP_MAYMOVE)]),
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `at page ${n}`, (task, mm) => mremap(task, mm, n, 4, 4, MREMAP_MAYMOVE)]),
  ...NOT_WHOLE.map((n): Call => [-EINVAL, `to page ${n}`, (task, mm) => mremap(task, mm, A, 4, 4, MOVE, n)]),
  ...[8, -1].map((n): Call => [-EINVAL, `flags ${n}`, (task, mm) => mremap(task, mm, A, 4, 4, n, A + 100)]),
  [-EINVAL, 'fixed, but may not move', (task, mm) => mremap(task, mm, A, 4, 4, MREMAP_FIXED, A + 100)],
  [-EINVAL, 'dontunmap, but may not move', (task, mm) => mremap(task, mm, A, 4, 4, MREMAP_DONTUNMAP)],
  [-EINVAL, 'dontunmap and another size', (task, mm) => mremap(task, mm, A, 4, 5, MREMAP_DONTUNMAP | MREMAP_MAYMOVE)],
  [-EINVAL, 'onto itself', (task, mm) => mremap(task, mm, A, 4, 4, MOVE, A)],
  [-EINVAL, 'onto its last page', (task, mm) => mremap(task, mm, A, 4, 4, MOVE, A + 3)],
  [-EINVAL, 'from below onto its first page', (task, mm) => mremap(task, mm, A, 4, 4, MOVE, A - 3)],
  [-EINVAL, 'old pages beyond the end', (task, mm) => mremap(task, mm, LAST_VPN, 2, 1, 0)],
  [-EINVAL, 'new pages beyond the end', (task, mm) => mremap(task, mm, A, 4, 4, MOVE, LAST_VPN - 2)],
  [-EFAULT, 'nothing mapped', (task, mm) => mremap(task, mm, A + 100, 4, 8, MREMAP_MAYMOVE)],
  [-EFAULT, 'a hole at the front', (task, mm) => mremap(task, mm, A - 1, 4, 8, MREMAP_MAYMOVE)],
  [-EFAULT, 'two areas', (task, mm) => mremap(task, mm, A, 16, 20, MREMAP_MAYMOVE)],
  [-EFAULT, 'two areas, to a place', (task, mm) => mremap(task, mm, A + 6, 4, 4, MOVE, A + 100)],
  [-EFAULT, 'a hole behind', (task, mm) => mremap(task, mm, A + 12, 8, 12, MREMAP_MAYMOVE)],
  [-ENOMEM, 'growing into a neighbour', (task, mm) => mremap(task, mm, A, 8, 9, 0)],
  [-ENOMEM, 'growing a middle', (task, mm) => mremap(task, mm, A + 2, 2, 3, 0)],
  [-ENOMEM, 'growing beyond the end', (task, mm) => mremap(task, mm, LAST_VPN, 1, 2, 0)],
  [-ENOMEM, 'growing to more than there is', (task, mm) => mremap(task, mm, A, 8, LAST_VPN, MREMAP_MAYMOVE)],
  [A, 'a size that stays, over two areas', (task, mm) => mremap(task, mm, A, 16, 16, 0)],
])
