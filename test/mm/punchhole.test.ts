/** madvise remove: pages of a file are given up for everybody who maps it, and only the file's own. */
import t from 'tap'
import { freeFrames, SWAP_ZONE, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { EACCES, EINVAL } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, entries, fileArea, load, newSpace, RW, store, watchEvents, wrongCounts } from '../support/addressspace.ts'
import { everyPreemption } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

const B = A + 0x1000
const SHARED = RW | VM_SHARED

t.test('every process that maps the pages is told, loses them, and reads zeros', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const mine = newSpace(task, 1)
  const file = fileArea(task, mine, A, 8, SHARED)
  const others = newSpace(cpu1, 2)
  t.equal(mmap(cpu1, others, B, 8, SHARED, PLACE_FIXED, file), B)
  for (let i = 0; i < 8; i++) store(task, A + i, i + 1)
  for (let i = 0; i < 8; i++) load(cpu1, B + i)
  const free = freeFrames(task, SYSTEM_ZONE)
  const watchers = [watchEvents(task, mine), watchEvents(task, others)]
  t.equal(madvise(task, mine, A + 2, 3, ADVICE.remove), 0)
  t.same(
    watchers.map((watcher) => watcher.take()),
    [['clear 2..4'], ['clear 4098..4100']],
  )
  t.same(entries(task, others, B, 8), ['rw', 'rw', '-', '-', '-', 'rw', 'rw', 'rw'])
  t.equal(freeFrames(task, SYSTEM_ZONE), free + 3)
  t.same([load(task, A + 1), load(task, A + 2), load(cpu1, B + 4), load(cpu1, B + 5)], [2, 0, 0, 6])
  t.same(wrongCounts(task, mine, others), [])
  for (const watcher of watchers) watcher.stop()
  mmPut(task, mine)
  mmPut(cpu1, others)
  t.same(leftovers(), [])
})

t.test('copies that a private mapping made are its own, and stay', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 4, SHARED)
  t.equal(mmap(task, mm, B, 4, RW, PLACE_FIXED, file), B)
  store(task, A, 1)
  store(task, A + 1, 2)
  store(task, B, 9)
  load(task, B + 1)
  madvise(task, mm, A, 2, ADVICE.remove)
  t.same([load(task, B), load(task, B + 1)], [9, 0])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('pages that were put out are given up, too', async (t) => {
  const { task, leftovers } = solo({ swapFrames: 8 })
  const mm = newSpace(task)
  fileArea(task, mm, A, 2, SHARED)
  store(task, A, 1)
  madvise(task, mm, A, 1, ADVICE.pageout)
  t.equal(freeFrames(task, SWAP_ZONE), 7)
  madvise(task, mm, A, 2, ADVICE.remove)
  t.equal(freeFrames(task, SWAP_ZONE), 8)
  t.equal(load(task, A), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('private memory does not take the advice', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  fileArea(task, mm, B, 4, RW)
  t.equal(madvise(task, mm, A, 4, ADVICE.remove), -EINVAL)
  t.equal(madvise(task, mm, B, 4, ADVICE.remove), -EACCES)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

for (const write of [false, true]) {
  t.test(`a ${write ? 'write' : 'read'} fault that meets the removal maps a page of the file, or looks again`, async (t) => {
    const schedules = everyPreemption(() => {
      const { task, other, leftovers } = solo()
      const cpu1 = other(1)
      const mine = newSpace(task, 1)
      const file = fileArea(task, mine, A, 4, SHARED)
      const others = newSpace(cpu1, 2)
      mmap(cpu1, others, A, 4, SHARED, PLACE_FIXED, file)
      store(cpu1, A, 1)
      return {
        first: task,
        run: () => (write ? store(task, A, 2) : load(task, A)),
        second: cpu1,
        meanwhile: () => madvise(cpu1, others, A, 4, ADVICE.remove),
        check: () => {
          store(cpu1, A, 99)
          const wrong = [...wrongCounts(task, mine, others)]
          if (load(task, A) !== 99) wrong.push(`the other stored 99, and this one reads ${load(task, A)}`)
          mmPut(task, mine)
          mmPut(cpu1, others)
          wrong.push(...leftovers())
          if (wrong.length > 0) throw new Error(wrong.join('; '))
        },
      }
    })
    t.ok(schedules > 20, `${schedules} schedules`)
  })
}
