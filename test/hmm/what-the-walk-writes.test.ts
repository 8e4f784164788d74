/** What does an entry of the CPU become, in a snapshot and in a fault? Row by row of the table of 2019. */

import t from 'tap'
import { boundDriver } from '../../shared/device/registry.ts'
import mirrorDriver from '../../shared/drivers/mirror.ts'
import { type Frame, frameGet, frameLock, frameUnlock } from '../../shared/frame/frames.ts'
import { framePut } from '../../shared/frame/zones.ts'
import { rangeSetOwner } from '../../shared/hmm/range.ts'
import { pinOwner, unpinOwner } from '../../shared/mm/anonvma.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { removeMigrationEntries, unmapForMigration } from '../../shared/mm/migration.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { numaHint } from '../../shared/mm/numahint.ts'
import { makeEntry, makePte, PTE_KIND } from '../../shared/mm/pte.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, entries, fileArea, frameOf, hugeArea, load, NONE, RO, RW, store } from '../support/addressspace.ts'
import { atEveryPoint, sleeps } from '../support/interleave.ts'
import { plantEntry, plantThirdLevel } from '../support/plantedentry.ts'
import { type Ranged, ranged, V, W } from '../support/ranged.ts'

/** What a snapshot and then a fault for reading make of `pages` pages from A on. */
function both(r: Ranged, pages: number): { snapshot: string[]; fault: string[] } {
  assert(r.register(A, pages) === 0 && r.snapshot().result === pages, 'a snapshot can be taken')
  const snapshot = r.see()
  for (let tries = 0; r.fault({ flags: V }).result < 0 && tries < 3; tries++) r.wait()
  return { snapshot, fault: r.see() }
}

t.test('nothing, and not even a table: NONE; the page of zeros, which is a page like others', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 2, RW)
  t.same(both(r, 2), { snapshot: ['-', '-'], fault: ['V', 'V'] })
  t.same(entries(r.task, r.mm, A, 2), ['0', '0'])
  r.unregister()
  t.same(both(r, 2).snapshot, ['V', 'V'], 'a snapshot has it, too')
  t.same(r.end(), [])
  t.end()
})

t.test('present: VALID, and WRITE where the CPU has it', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 2, RW)
  for (const vpn of [A, A + 1]) store(r.task, vpn, 1)
  mprotect(r.task, r.mm, A + 1, 1, RO)
  t.same(both(r, 2), { snapshot: ['VW', 'V'], fault: ['VW', 'V'] })
  t.same(r.end(), [])
  t.end()
})

t.test('PROT_NONE: not accessible, and no area that may be read', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 2, RW)
  store(r.task, A, 1)
  mprotect(r.task, r.mm, A, 1, NONE)
  r.register(A, 2)
  t.equal(r.snapshot().result, -1, '-EPERM')
  t.same(r.see(), ['-', '-'])
  t.same(r.end(), [])
  t.end()
})

t.test('a NUMA hint: not accessible, so NONE; a fault gives access back', (t) => {
  const r = ranged({ bytes: 32 * 1024 * 1024 })
  area(r.task, r.mm, A, 2, RW)
  store(r.task, A, 1)
  numaHint(r.task, r.mm, A, A + 1)
  t.same(entries(r.task, r.mm, A, 2), ['none', '-'])
  t.same(both(r, 2), { snapshot: ['-', '-'], fault: ['VW', 'V'] })
  r.unregister()
  hugeArea(r.task, r.mm, A + 512, 512, RW)
  store(r.task, A + 512, 1)
  numaHint(r.task, r.mm, A + 512, A + 1023)
  r.register(A + 600, 2)
  t.same(r.snapshot(), { result: 2, held: true })
  t.same(r.see(), ['-', '-'], '2 MiB as well')
  t.same(r.fault({ flags: V }), { result: 2, held: true })
  t.same(r.see(), ['VW', 'VW'])
  t.same(r.end(), [])
  t.end()
})

t.test('swapped out: NONE; a fault brings it in', (t) => {
  const r = ranged({ swapFrames: 16 })
  area(r.task, r.mm, A, 1, RW)
  store(r.task, A, 5)
  t.equal(madvise(r.task, r.mm, A, 1, ADVICE.pageout), 0)
  t.same(both(r, 1), { snapshot: ['-'], fault: ['VW'] })
  t.equal(load(r.task, A), 5)
  t.same(r.end(), [])
  t.end()
})

t.test('exclusive: NONE; a fault gives it back to the CPUs', (t) => {
  const r = ranged({}, mirrorDriver)
  area(r.task, r.mm, A, 1, RW)
  store(r.task, A, 5)
  t.equal(boundDriver(r.task, 0).ioctl(r.mirror, { cmd: 'exclusive', start: A, pages: 1 }).errno, 0)
  const seen = both(r, 1)
  t.same(seen.snapshot, ['-'])
  t.match(seen.fault[0], /^VW?$/)
  t.same(r.end(), [])
  t.end()
})

t.test('migration entry: NONE in a snapshot', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 1, RW)
  store(r.task, A, 1)
  const restore = plantEntry(r.task, r.mm, A, makeEntry(PTE_KIND.migration, frameOf(r.task, r.mm, A), 0))
  r.register(A, 1)
  t.equal(r.snapshot().result, 1)
  t.same(r.see(), ['-'])
  restore()
  t.same(r.end(), [])
  t.end()
})

/** Takes the block at `head` out of all page tables, as a migration does. What it returns puts it back. */
function onItsWay(task: Task, head: Frame): () => void {
  frameGet(task, head)
  frameLock(task, head)
  const owner = pinOwner(task, head)
  unmapForMigration(task, head)
  return () => {
    removeMigrationEntries(task, { from: head, to: head, pages: 512, owner, zeros: false })
    unpinOwner(task, owner)
    frameUnlock(task, head)
    framePut(task, head)
  }
}

t.test('migration of 2 MiB: 512 migration entries; a fault sleeps until they are back, and looks again', (t) => {
  const r = ranged({ bytes: 32 * 1024 * 1024 })
  hugeArea(r.task, r.mm, A, 512, RW)
  store(r.task, A, 1)
  r.register(A + 3, 4)
  r.fault({ flags: V })
  t.same([entries(r.task, r.mm, A, 1), r.see()], [['huge rw'], ['VW', 'VW', 'VW', 'VW']])
  const arrive = onItsWay(r.second, frameOf(r.task, r.mm, A))
  t.notOk(r.valid())
  t.same(r.snapshot(), { result: 4, held: true })
  t.same(r.see(), ['-', '-', '-', '-'], 'not what an earlier fill left there')
  let waits = 0
  atEveryPoint(r.task, () => {
    if (sleeps(r.task) && waits++ === 0) arrive()
  })
  t.same(r.fault({ flags: V | W }), { result: 4, held: true })
  t.ok(waits > 0, 'it slept')
  t.same(r.see(), ['VW', 'VW', 'VW', 'VW'])
  t.ok(r.valid())
  t.same(r.end(), [])
  t.end()
})

t.test("device memory: the owner's, with VALID and DEVICE_PRIVATE", (t) => {
  const r = ranged({ deviceFrames: [8] }, mirrorDriver)
  area(r.task, r.mm, A, 1, RW)
  store(r.task, A, 5)
  boundDriver(r.task, 0).ioctl(r.mirror, { cmd: 'migrate_dev', start: A, pages: 1 })
  rangeSetOwner(r.task, r.range, 1)
  t.same(both(r, 1), { snapshot: ['VWP'], fault: ['VWP'] })
  t.same(r.end(), [])
  t.end()
})

for (const [name, entry, symbol] of [
  ['poisoned', makeEntry(PTE_KIND.poisoned, 0, 0), 'E'],
  ['without a frame behind it', makePte(0xfffff as Frame, 0), 'S'],
] as const)
  t.test(`${name}: ends the walk`, (t) => {
    const r = ranged()
    area(r.task, r.mm, A, 2, RW)
    for (const vpn of [A, A + 1]) store(r.task, vpn, 1)
    r.register(A, 2)
    const restore = plantEntry(r.task, r.mm, A + 1, entry)
    t.same(r.snapshot(), { result: 1, held: true })
    t.same(r.see(), ['VW', symbol])
    t.same(r.fault({ flags: V }), { result: -14, held: true })
    restore()
    t.same(r.end(), [])
    t.end()
  })

t.test('a third-level entry that is corrupt: ERROR for its pages, and no error; those behind it are filled', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 1024, RW)
  for (const vpn of [A + 509, A + 511, A + 512]) store(r.task, vpn, 1)
  r.register(A + 509, 5)
  for (const corrupt of [makeEntry(0, 0x123, 0), makeEntry(7, 0, 0)]) {
    const restore = plantThirdLevel(r.task, r.mm, A, corrupt)
    t.same(r.snapshot(), { result: 5, held: true })
    t.same(r.see(), ['E', 'E', 'E', 'VW', '-'])
    t.same(r.fault({ flags: V }), { result: 5, held: true }, 'asked for, and no fault can help')
    t.same(r.see(), ['E', 'E', 'E', 'VW', 'V'])
    t.ok(r.valid())
    restore()
    madvise(r.task, r.mm, A + 513, 1, ADVICE.dontneed)
  }
  r.wait()
  t.same(r.fault({ flags: V }), { result: 5, held: true })
  t.same(r.see(), ['VW', 'V', 'VW', 'VW', 'V'], 'mended')
  t.same(r.end(), [])
  t.end()
})

t.test('2 MiB: an entry for each 4 KiB, with growing frames; a write fault for the pages that ask', (t) => {
  const r = ranged({ bytes: 32 * 1024 * 1024 })
  hugeArea(r.task, r.mm, A, 512, RW)
  store(r.task, A, 1)
  t.equal(r.register(A + 7, 40), 0)
  t.equal(r.fault({ flags: V | W }).result, 40)
  t.same(new Set(r.see()), new Set(['VW']), 'see() compares every frame with what the CPU has there')
  t.equal(((r.pfns()[39] as bigint) - (r.pfns()[0] as bigint)) >> 12n, 39n)
  t.same(r.end(), [])
  t.end()
})

t.test("a file's pages, DAX or not: as others, and what happens to the file is a start and an end", (t) => {
  const r = ranged()
  fileArea(r.task, r.mm, A, 2, RW | VM_SHARED)
  store(r.task, A, 3)
  t.match(both(r, 2).fault, ['VW', /^VW?$/])
  t.ok(r.valid())
  r.told.length = 0
  t.equal(madvise(r.task, r.mm, A, 1, ADVICE.remove), 0, 'punches a hole into the file')
  t.ok(r.told.length > 0, `${r.told}`)
  t.notOk(r.valid())
  t.equal(r.snapshot().result, 2)
  t.equal(r.see()[0], '-')
  t.same(r.end(), [])
  t.end()
})
