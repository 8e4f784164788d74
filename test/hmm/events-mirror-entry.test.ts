/**
 * What becomes of the mirror's entry and of the page when an event passes? Sections 2.2 and 2.6 of 2016's rules: the driver takes the
 * device away first, then HMM follows with its table, also when the driver failed; what the device wrote reaches the page while
 * the CPU's entry still holds it.
 */
import t from 'tap'
import {
  HMM_DEVICE_READ_FAULT,
  HMM_DEVICE_WRITE_FAULT,
  HMM_FORK,
  HMM_MIGRATE,
  HMM_MUNMAP,
  HMM_WRITE_PROTECT,
  type HmmEvent,
  hmmEventInit,
} from '../../shared/hmm/event.ts'
import type { Hmm } from '../../shared/hmm/eventhmm.ts'
import { type Mirror, mirrorEventHmm } from '../../shared/hmm/mirror.ts'
import { MIRROR_DIRTY } from '../../shared/hmm/mirrorpte.ts'
import { mirrorIterator } from '../../shared/hmm/mirrortable.ts'
import { hmmUpdate } from '../../shared/hmm/update.ts'
import { EIO } from '../../shared/memory/errno.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { atomicOr } from '../../shared/seam/atomics.ts'
import { A, area, frameOf, load, RO, RW, store } from '../support/addressspace.ts'
import { type EventMachine, entryText, eventMachine } from '../support/eventmachine.ts'
import { violationOf } from '../support/solo.ts'

function event(etype: number, start = A, end = A + 2): HmmEvent {
  return hmmEventInit(start, end, etype) as HmmEvent
}

function hmmOf({ task, mirrors }: EventMachine): Hmm {
  return mirrorEventHmm(task, mirrors[0] as Mirror) as Hmm
}

/** Page A+0 written by the device, A+1 shown to it for writing and not written. Both pages clean. */
function written(machine: EventMachine): void {
  const { task, mm } = machine
  area(task, mm, A, 2, RW)
  machine.fault(0, HMM_DEVICE_WRITE_FAULT, A, 2)
  machine.access(0, A, 'write')
  for (const page of [A, A + 1]) machine.pageWasDirty(page)
  machine.told()
}

/** Event, then: entries of both pages, whether the page is dirty, and what the device can still do. */
for (const [name, etype, entries, read] of [
  ['HMM_FORK', HMM_FORK, ['ro shown', 'ro shown'], 'ok'],
  ['HMM_WRITE_PROTECT', HMM_WRITE_PROTECT, ['ro shown', 'ro shown'], 'ok'],
  ['HMM_MIGRATE', HMM_MIGRATE, ['-', '-'], 'fault'],
  ['HMM_MUNMAP', HMM_MUNMAP, ['-', '-'], 'fault'],
] as const) {
  t.test(`${name}: rights go, what was written reaches the page, what was not stays clean`, (t) => {
    const machine = eventMachine()
    written(machine)
    t.same([machine.entry(0, A), machine.entry(0, A + 1)], ['rw dirty shown', 'rw shown'])
    t.ok(hmmUpdate(machine.task, hmmOf(machine), event(etype)))
    t.same([machine.entry(0, A), machine.entry(0, A + 1)], entries)
    t.same([machine.pageWasDirty(A), machine.pageWasDirty(A + 1)], [true, false])
    t.same([machine.access(0, A, 'read'), machine.access(0, A, 'write')], [read, 'fault'])
    t.same(machine.close(), [])
    t.end()
  })
}

t.test('faults change nothing of the table behind update(): it is filled before', (t) => {
  const machine = eventMachine([{ look: (_event, dev, mirror) => entryText(dev.task, mirror, A) }])
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A), 'ok')
  t.same(machine.told(), ['0: HMM_DEVICE_READ_FAULT 0..0: rw hidden'], 'filled, and not yet shown')
  t.equal(machine.entry(0, A), 'rw shown')
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  t.same(machine.told(), ['0: HMM_DEVICE_WRITE_FAULT 0..0: rw shown'])
  t.same(machine.close(), [])
  t.end()
})

t.test('update() comes first: it still finds the entry, and the mark of what was written', (t) => {
  const machine = eventMachine([{ look: (_event, dev, mirror) => entryText(dev.task, mirror, A) }])
  written(machine)
  munmap(machine.task, machine.mm, A, 1)
  t.same(machine.told(), ['0: HMM_MUNMAP 0..0: rw dirty shown'])
  t.equal(machine.entry(0, A), '-')
  t.same(machine.close(), [])
  t.end()
})

t.test('the page is marked before the CPU loses it: inside start, not at the end', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  written(machine)
  const frame = frameOf(task, mm, A)
  t.ok(hmmUpdate(task, hmmOf(machine), event(HMM_MUNMAP)))
  t.equal(frameOf(task, mm, A), frame, 'the CPU still maps it')
  t.equal(machine.pageWasDirty(A), true)
  t.same(machine.close(), [])
  t.end()
})

t.test('only pages of the event change', (t) => {
  const machine = eventMachine()
  written(machine)
  t.ok(hmmUpdate(machine.task, hmmOf(machine), event(HMM_MIGRATE, A + 1, A + 2)))
  t.same([machine.entry(0, A), machine.entry(0, A + 1)], ['rw dirty shown', '-'])
  t.same(machine.close(), [])
  t.end()
})

t.test('the table follows also when update() failed', (t) => {
  let failing = true
  const machine = eventMachine([{ answer: ({ etype }) => (failing && etype === HMM_MIGRATE ? -EIO : 0) }])
  written(machine)
  t.ok(hmmUpdate(machine.task, hmmOf(machine), event(HMM_MIGRATE)))
  failing = false
  t.equal(machine.entry(0, A), '-')
  t.equal(machine.pageWasDirty(A), true)
  t.same(machine.told(), ['0: HMM_MIGRATE 0..1', '0: HMM_MUNMAP everything', '0: release'])
  t.same(machine.close(), [])
  t.end()
})

t.test('a device that reports a write through a read-only entry is a mistake of its driver', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  load(task, A) // the page of zeros, read-only
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A), 'ok')
  t.equal(machine.entry(0, A), 'ro shown')
  const iterator = mirrorIterator(task, machine.mirrors[0] as Mirror)
  atomicOr(task, iterator.lookup(A), MIRROR_DIRTY)
  iterator.finish()
  t.match(
    violationOf(() => hmmUpdate(task, hmmOf(machine), event(HMM_MUNMAP))),
    /^CON: device 0 reports that it wrote .* only read$/,
  )
  t.end()
})

t.test('an update() that leaves the page to the hardware is found', (t) => {
  const lazy = { answer: ({ etype }: HmmEvent) => (etype === HMM_WRITE_PROTECT ? 1 : 0) }
  const machine = eventMachine([lazy])
  t.equal(machine.fault(0, HMM_WRITE_PROTECT, A), 'EINVAL', 'a change is not a fault')
  written(machine)
  // The driver says 0 to HMM_MUNMAP and does nothing: what the noting device does is taken out of its hands.
  machine.solo.task.tables.get('mirror events')?.splice(0, 1, { update: () => 0, release: () => {}, flush: () => {} })
  t.match(
    violationOf(() => hmmUpdate(machine.task, hmmOf(machine), event(HMM_MUNMAP))),
    /^CON: device 0: update\(\) returned from HMM_MUNMAP and left .* to the hardware$/,
  )
  t.end()
})

t.test('a read-only area never gives WRITE to the device', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 1, RO)
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A), 'ok')
  t.same([machine.access(0, A, 'read'), machine.access(0, A, 'write')], ['ok', 'fault'])
  t.same(machine.close(), [])
  t.end()
})
