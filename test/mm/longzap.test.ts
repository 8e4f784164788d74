/**
 * Does a zap of any length give everything back, in batches? A gather has room for 256 frames: half a leaf table. A batch
 * that becomes full with the last entry of a leaf must be flushed before the next leaf adds to it.
 *
 *     zap, cpu 0                               gathers
 *     256 frames of leaf 1: full               | cpu 0: MM COUNT ... 256 frames | cpu 1: MM ...
 *     leaf 1 is done: no flush
 *     first frame of leaf 2                    written over cpu 1's MM        [Forbidden]
 */
import t from 'tap'
import { liveCounts } from '../../shared/frame/objects.ts'
import { freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, fileArea, newSpace, RO, RW, store } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

/** Room for 1400 frames and their tables. */
const BYTES = 8 * 1024 * 1024

/** Spans around the batch and leaf borders: first page counted from a leaf's start, and pages. */
const SPANS = [
  [0, 256],
  [0, 257],
  [0, 512],
  [0, 513],
  [0, 1000],
  [256, 256],
  [256, 257],
  [511, 258],
  [100, 1000],
] as const

for (const [first, pages] of SPANS) {
  for (const how of ['munmap', 'dontneed'] as const) {
    t.test(`${how} of ${pages} pages from entry ${first} of a leaf on leaves other cpus’ gathers alone`, async (t) => {
      const { task, other, leftovers } = solo({ bytes: BYTES })
      const cpu1 = other(1)
      const mm = newSpace(task)
      switchMm(cpu1, mm)
      area(task, mm, A + first, pages, RW)
      area(task, mm, A + 0x1000, 1, RW)
      for (let i = 0; i < pages; i++) store(task, A + first + i, i)
      store(cpu1, A + 0x1000, 1)
      const free = freeFrames(task, SYSTEM_ZONE)
      const result = how === 'munmap' ? munmap(task, mm, A + first, pages) : madvise(task, mm, A + first, pages, ADVICE.dontneed)
      t.equal(result, 0)
      t.equal(freeFrames(task, SYSTEM_ZONE), free + pages)
      t.equal(munmap(cpu1, mm, A + 0x1000, 1), 0)
      t.equal(freeFrames(task, SYSTEM_ZONE), free + pages + 1)
      mmPut(task, mm)
      t.same(leftovers(), [])
    })
  }
}

t.test('one munmap of many areas, each of which fills a batch', async (t) => {
  const { task, other, leftovers } = solo({ bytes: BYTES })
  const cpu1 = other(1)
  const mm = newSpace(task)
  switchMm(cpu1, mm)
  for (let i = 0; i < 5; i++) area(task, mm, A + i * 256, 256, i % 2 === 0 ? RW : RW | 4)
  for (let i = 0; i < 5 * 256; i++) store(task, A + i, i)
  t.equal(munmap(task, mm, A, 5 * 256), 0)
  area(task, mm, A, 1, RO)
  t.equal(munmap(cpu1, mm, A, 1), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dirty shared pages flush TLBs before the leaf is unlocked, and the batch goes on', async (t) => {
  const { task, other, leftovers } = solo({ bytes: BYTES })
  const cpu1 = other(1)
  const mm = newSpace(task)
  switchMm(cpu1, mm)
  fileArea(task, mm, A, 700, RW | VM_SHARED)
  for (let i = 0; i < 700; i++) store(task, A + i, i)
  t.equal(madvise(task, mm, A, 700, ADVICE.dontneed), 0)
  t.equal(madvise(cpu1, mm, A, 700, ADVICE.dontneed), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('an exit of 1300 pages takes its tables along', async (t) => {
  const { task, other, leftovers } = solo({ bytes: BYTES })
  const cpu1 = other(1)
  const mm = newSpace(task)
  area(task, mm, A, 1300, RW)
  for (let i = 0; i < 1300; i++) store(task, A + i, i)
  t.ok((liveCounts(task).get('page table') ?? 0) >= 3, 'three leaves at least')
  mmPut(task, mm)
  const second = newSpace(cpu1, 2)
  area(cpu1, second, A, 1, RW)
  t.equal(munmap(cpu1, second, A, 1), 0)
  mmPut(cpu1, second)
  t.same(leftovers(), [])
})
