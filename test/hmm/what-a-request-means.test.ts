/**
 * What is asked of a page: (pfns[i] & mask) | default flags. The worked examples of March 2019 (VALID is bit 63, WRITE bit 62), and
 * every row of the table of what a fault does about it.
 *
 * p0 is present and read-only, p1 is not there, p2 is present and writable; the area may be written.
 */
import t from 'tap'
import { boundDriver } from '../../shared/device/registry.ts'
import mirrorDriver from '../../shared/drivers/mirror.ts'
import { rangeSetOwner } from '../../shared/hmm/range.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { assert } from '../../shared/seam/error.ts'
import { A, area, entries, hugeArea, load, RW, store } from '../support/addressspace.ts'
import { ALL, P, type Ranged, type Request, ranged, V, W } from '../support/ranged.ts'

/** The three pages, registered. p0 is its own again after a fork: it takes a CPU write fault, and no copy, to write it. */
function threePages(): Ranged {
  const r = ranged()
  area(r.task, r.mm, A, 3, RW)
  store(r.task, A, 1)
  mmPut(r.task, fork(r.task, r.mm, 2))
  store(r.task, A + 2, 1)
  assert(entries(r.task, r.mm, A, 3).join() === 'ro,-,rw' && r.register(A, 3) === 0, 'the pages are as the examples have them')
  return r
}

/** Fills the three pages: what the entries are then, and what the CPU has. */
function answer(request: Request): { see: string[]; cpu: string[] } {
  const r = threePages()
  const { result } = r.fault(request)
  assert(result === 3 && r.valid(), `the three pages are filled, and not ${result}`)
  const seen = { see: r.see(), cpu: entries(r.task, r.mm, A, 3) }
  assert(r.end().length === 0, 'everything was returned')
  return seen
}

t.test('a: default VALID, mask 0: everything for reading, whatever is in the array', (t) => {
  for (const pfns of [
    [0n, 0n, 0n],
    [ALL, ALL, ALL],
    [W, 7n, 0n],
  ]) {
    const { see, cpu } = answer({ flags: V, mask: 0n, pfns })
    t.same(see, ['V', 'V', 'VW'], 'the page that was not there is the page of zeros')
    t.same(cpu, ['ro', '0', 'rw'])
  }
  t.end()
})

t.test('b: default VALID, mask WRITE: one page for writing', (t) => {
  const { see, cpu } = answer({ flags: V, mask: W, pfns: [W, 0n, 0n] })
  t.same(see, ['VW', 'V', 'VW'])
  t.same(cpu, ['rw', '0', 'rw'])
  t.end()
})

t.test('c: default 0, mask of all bits: the old driver says it page by page, and is told more than it asked', (t) => {
  const { see, cpu } = answer({ flags: 0n, mask: ALL, pfns: [V, V | W, 0n] })
  t.same(see, ['V', 'VW', 'VW'])
  t.same(cpu, ['ro', 'rw', 'rw'])
  t.end()
})

t.test('d: a trap: with a mask, results that were left in the array are requests', (t) => {
  const r = threePages()
  r.fault({ flags: V, mask: 0n })
  t.same(r.see(), ['V', 'V', 'VW'])
  store(r.task, A + 1, 1)
  r.start(A, A + 2)()
  t.same(r.fault({ flags: 0n, mask: ALL }), { result: 3, held: true }, 'p0 and p1 for reading, p2 for writing')
  t.same(r.see(), ['V', 'VW', 'VW'])
  // Frame numbers are bits as well: here they are under the mask of a driver that keeps WRITE among them.
  r.pfns()[0] = (r.pfns()[0] as bigint) | W
  t.same(r.fault({ flags: 0n, mask: ALL }), { result: 3, held: true })
  t.same(r.see(), ['VW', 'VW', 'VW'], 'a stale WRITE is a request to write')
  t.same(r.end(), [])
  t.end()
})

t.test('e: a trap: default VALID, mask of all bits, a stale WRITE: a write fault that nobody wanted', (t) => {
  const { see, cpu } = answer({ flags: V, mask: ALL, pfns: [V | W | (77n << 12n), 0n, 0n] })
  t.same(see, ['VW', 'V', 'VW'])
  t.same(cpu, ['rw', '0', 'rw'])
  t.end()
})

t.test('f: a trap: WRITE without VALID asks for nothing', (t) => {
  const { see, cpu } = answer({ flags: 0n, mask: W, pfns: [W, W, W] })
  t.same(see, ['V', '-', 'VW'], 'as the CPU has it')
  t.same(cpu, ['ro', '-', 'rw'])
  t.end()
})

t.test('no VALID in the request: reported, not faulted', (t) => {
  const { see, cpu } = answer({ flags: 0n, mask: 0n, pfns: [ALL, ALL, ALL] })
  t.same(see, ['V', '-', 'VW'])
  t.same(cpu, ['ro', '-', 'rw'])
  t.end()
})

t.test('not there: faulted, for writing if that is asked', (t) => {
  t.same(answer({ flags: 0n, mask: ALL, pfns: [0n, V, 0n] }).cpu, ['ro', '0', 'rw'])
  t.same(answer({ flags: 0n, mask: ALL, pfns: [0n, V | W, 0n] }).cpu, ['ro', 'rw', 'rw'])
  t.end()
})

t.test('there: a write fault if WRITE is asked and the CPU may not; otherwise no fault', (t) => {
  t.same(answer({ flags: 0n, mask: ALL, pfns: [V, 0n, V] }).cpu, ['ro', '-', 'rw'])
  t.same(answer({ flags: 0n, mask: ALL, pfns: [V | W, 0n, V | W] }).cpu, ['rw', '-', 'rw'])
  t.end()
})

t.test('a hole, and a huge entry: only the pages that are asked for are faulted', (t) => {
  const r = ranged({ bytes: 32 * 1024 * 1024 })
  area(r.task, r.mm, A, 64, RW)
  r.register(A, 64)
  const pfns = Array.from({ length: 64 }, (_, i) => (i === 9 ? V | W : i === 20 ? V : 0n))
  t.same(r.fault({ mask: ALL, pfns }), { result: 64, held: true })
  t.same(
    entries(r.task, r.mm, A, 64).flatMap((one, i) => (one === '-' ? [] : [`${i} ${one}`])),
    ['9 rw', '20 0'],
  )
  r.unregister()
  hugeArea(r.task, r.mm, A + 512, 512, RW)
  store(r.task, A + 512, 1)
  const child = fork(r.task, r.mm, 2)
  r.register(A + 512, 64)
  const again = { mask: ALL, pfns: pfns.map((pfn, i) => (i === 20 ? 0n : pfn)) }
  t.same(r.fault(again), { result: -16, held: true }, 'the copy has invalidated the range')
  t.ok(r.wait())
  t.same(r.fault(again), { result: 64, held: true })
  t.same(
    r.see().flatMap((one, i) => (one === 'V' ? [] : [`${i} ${one}`])),
    ['9 VW'],
  )
  t.same(
    entries(r.task, r.mm, A + 512, 64).flatMap((one, i) => (one === 'ro' ? [] : [`${i} ${one}`])),
    ['9 rw'],
  )
  mmPut(r.task, child)
  t.same(r.end(), [])
  t.end()
})

/** A page of device 0's own memory at A, and a range that knows whose it is, or does not. */
function inDeviceMemory(owner: number): Ranged {
  const r = ranged({ deviceFrames: [8] }, mirrorDriver)
  area(r.task, r.mm, A, 2, RW)
  store(r.task, A, 7)
  boundDriver(r.task, 0).ioctl(r.mirror, { cmd: 'migrate_dev', start: A, pages: 1 })
  rangeSetOwner(r.task, r.range, owner)
  r.register(A, 2)
  return r
}

t.test("the device's own memory: comes home only if DEVICE_PRIVATE is asked", (t) => {
  const r = inDeviceMemory(1)
  t.same(r.fault({ flags: V }), { result: 2, held: true })
  t.same(r.see(), ['VWP', 'V'], 'VALID, DEVICE_PRIVATE, and WRITE as the entry will have it')
  t.same(r.fault({ flags: V | W }).held, true)
  t.match(r.see()[0], /^VWP/, 'nor for writing')
  const first = r.fault({ flags: V | W | P })
  t.ok(first.held)
  if (first.result < 0) t.ok(r.wait() && r.fault({ flags: V | W | P }).result === 2, 'coming home has invalidated the range')
  t.same(r.see(), ['VW', 'VW'])
  t.equal(load(r.task, A), 7)
  t.same(r.end(), [])
  t.end()
})

t.test("another device's memory: nobody but the owner may have the frame", (t) => {
  const r = inDeviceMemory(0)
  t.same(r.snapshot(), { result: 2, held: true })
  t.same(r.see(), ['-', '-'])
  const first = r.fault({ flags: V })
  if (first.result < 0) t.ok(r.wait() && r.fault({ flags: V }).result === 2)
  t.match(r.see()[0], /^V/, 'it was brought home')
  t.same(r.end(), [])
  t.end()
})
