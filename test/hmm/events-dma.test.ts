/**
 * What does HMM map for a device that is behind an IOMMU (2016, section 2.8 and the DMA rows of 2.6 and 2.7)? What it has filled, once for
 * each entry, before the driver hears of it; and it unmaps what an event took, after the driver has let go.
 */
import t from 'tap'
import { deviceIommu } from '../../shared/device/record.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import type { Frame } from '../../shared/frame/frames.ts'
import { DMA, type DmaPage, type Iommu, iommuMappings, iommuTranslate, iommuUnmap } from '../../shared/frame/iommu.ts'
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
import { MIRROR_VALID_PFN, type MirrorPte, mirrorPteDma } from '../../shared/hmm/mirrorpte.ts'
import { mirrorIterator, mirrorPeek } from '../../shared/hmm/mirrortable.ts'
import { hmmUpdate } from '../../shared/hmm/update.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { NO_MM } from '../../shared/notifier/mmhead.ts'
import { assert } from '../../shared/seam/error.ts'
import { A, area, frameOf, load, RO, RW, store } from '../support/addressspace.ts'
import { type EventMachine, eventMachine, type Manners } from '../support/eventmachine.ts'
import { everyPreemption } from '../support/interleave.ts'
import { violationOf } from '../support/solo.ts'

const READ = HMM_DEVICE_READ_FAULT
const WRITE = HMM_DEVICE_WRITE_FAULT

function behindIommu(manners: Manners = {}): EventMachine & { readonly iommu: Iommu; mapped(): number } {
  const machine = eventMachine([{ behindIommu: true, ...manners }])
  const iommu = deviceIommu(machine.task, 0)
  return { ...machine, iommu, mapped: () => iommuMappings(machine.task, iommu) }
}

function pte({ task, mirrors }: EventMachine, vpn: number): MirrorPte {
  const iterator = mirrorIterator(task, mirrors[0] as Mirror)
  const found = mirrorPeek(task, iterator, vpn)
  iterator.finish()
  return found
}

function ioPage(machine: EventMachine, vpn: number): DmaPage {
  return mirrorPteDma(pte(machine, vpn))
}

t.test('a fault is served with addresses of the bus, and the device reaches the very pages', (t) => {
  const machine = behindIommu()
  const { task, mm, iommu } = machine
  area(task, mm, A, 2, RW)
  area(task, mm, A + 2, 1, RO)
  t.equal(machine.fault(0, WRITE, A, 2), 'ok')
  t.equal(machine.fault(0, READ, A + 2), 'ok')
  t.same([machine.entry(0, A), machine.entry(0, A + 2), machine.mapped()], ['rw shown', 'ro shown', 3])
  for (const vpn of [A, A + 1, A + 2]) t.equal(iommuTranslate(task, iommu, ioPage(machine, vpn), false), frameOf(task, mm, vpn))
  t.equal(machine.access(0, A + 1, 'write'), 'ok')
  t.equal(load(task, A + 1), 7)
  t.same([machine.access(0, A + 2, 'read'), machine.access(0, A + 2, 'write')], ['ok', 'fault'])
  t.same(machine.close(), [], 'nothing stays mapped')
  t.end()
})

t.test('update() finds no page frames: they were a passing state', (t) => {
  const machine = behindIommu({
    look: (_event, dev, mirror) => {
      const iterator = mirrorIterator(dev.task, mirror)
      const found = mirrorPeek(dev.task, iterator, A)
      iterator.finish()
      return (found & MIRROR_VALID_PFN) === 0 ? 'bus' : 'frame'
    },
  })
  area(machine.task, machine.mm, A, 1, RW)
  machine.fault(0, WRITE, A)
  t.same(machine.told(), ['0: HMM_DEVICE_WRITE_FAULT 0..0: bus'])
  t.same(machine.close(), [])
  t.end()
})

t.test('a second fault on a page keeps the mapping, and adds the right to write', (t) => {
  const machine = behindIommu()
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  hmmUpdate(task, mirrorEventHmm(task, machine.mirrors[0] as Mirror) as Hmm, hmmEventInit(A, A + 1, HMM_FORK) as HmmEvent)
  machine.fault(0, READ, A)
  const first = ioPage(machine, A)
  machine.fault(0, WRITE, A)
  t.same([ioPage(machine, A), machine.mapped(), machine.entry(0, A)], [first, 1, 'rw shown'])
  t.same(machine.close(), [])
  t.end()
})

/** Event, then: both entries, mappings left, and what the device can still do. */
for (const [name, etype, entries, mapped, read] of [
  ['HMM_FORK', HMM_FORK, 'ro shown', 2, 'ok'],
  ['HMM_WRITE_PROTECT', HMM_WRITE_PROTECT, 'ro shown', 2, 'ok'],
  ['HMM_MIGRATE', HMM_MIGRATE, '-', 0, 'fault'],
  ['HMM_MUNMAP', HMM_MUNMAP, '-', 0, 'fault'],
] as const) {
  t.test(
    `${name}: a DMA entry that is no longer valid is unmapped; what was written reaches the page of the CPU's table`,
    (t) => {
      const machine = behindIommu()
      const { task, mm } = machine
      area(task, mm, A, 2, RW)
      machine.fault(0, WRITE, A, 2)
      machine.access(0, A, 'write')
      for (const page of [A, A + 1]) machine.pageWasDirty(page)
      t.ok(hmmUpdate(task, mirrorEventHmm(task, machine.mirrors[0] as Mirror) as Hmm, hmmEventInit(A, A + 2, etype) as HmmEvent))
      t.same([machine.entry(0, A), machine.entry(0, A + 1), machine.mapped()], [entries, entries, mapped])
      t.same([machine.pageWasDirty(A), machine.pageWasDirty(A + 1)], [true, false])
      t.same([machine.access(0, A, 'read'), machine.access(0, A, 'write')], [read, 'fault'])
      t.same(machine.close(), [])
      t.end()
    },
  )
}

t.test('the IOMMU refuses: -ENOMEM, nothing is shown, and the next fault is served', (t) => {
  const machine = behindIommu()
  const { task, mm } = machine
  area(task, mm, A, 2, RW)
  boundDriver(task, 0).dev.dma.failAfter(1)
  t.equal(machine.fault(0, WRITE, A, 2), 'ENOMEM')
  t.same(machine.told(), [], 'update() was not called')
  t.same([machine.access(0, A, 'read'), machine.access(0, A + 1, 'read')], ['fault', 'fault'])
  t.equal(machine.fault(0, WRITE, A, 2), 'ok')
  t.equal(machine.mapped(), 2, 'what had been mapped was found')
  t.same(machine.close(), [])
  t.end()
})

t.test('discard: unmapped, and what was written reaches the page', (t) => {
  const machine = behindIommu()
  const { task, mm, mirrors } = machine
  area(task, mm, A, 2, RW)
  machine.fault(0, WRITE, A, 2)
  machine.access(0, A, 'write')
  machine.pageWasDirty(A)
  const { dev } = boundDriver(task, 0)
  dev.lock(mirrors[0] as Mirror)
  dev.discard(mirrors[0] as Mirror, A, A)
  dev.unlock(mirrors[0] as Mirror)
  t.same([machine.entry(0, A), machine.entry(0, A + 1), machine.mapped()], ['-', 'rw shown', 1])
  t.ok(machine.pageWasDirty(A))
  t.equal(machine.access(0, A, 'read'), 'fault')
  t.same(machine.close(), [])
  t.end()
})

t.test('a driver whose update() fails loses its mirror, and every mapping', (t) => {
  const machine = behindIommu({ answer: ({ etype }) => (etype === HMM_WRITE_PROTECT ? -5 : 0) })
  const { task, mm, mirrors } = machine
  area(task, mm, A, 3, RW)
  machine.fault(0, WRITE, A, 3)
  hmmUpdate(task, mirrorEventHmm(task, mirrors[0] as Mirror) as Hmm, hmmEventInit(A, A + 1, HMM_WRITE_PROTECT) as HmmEvent)
  t.equal(machine.mapped(), 0)
  t.same(machine.close(), [])
  t.end()
})

t.test('the end of the address space unmaps, too', (t) => {
  const machine = behindIommu()
  const { task, mm } = machine
  area(task, mm, A, 2, RW)
  machine.fault(0, WRITE, A, 2)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  t.equal(machine.mapped(), 0)
  t.end()
})

t.test('an access through an I/O page that was unmapped too early is a finding', (t) => {
  const machine = behindIommu()
  const { task, mm, iommu } = machine
  area(task, mm, A, 1, RW)
  machine.fault(0, WRITE, A)
  iommuUnmap(task, iommu, ioPage(machine, A), frameOf(task, mm, A) as Frame, DMA.bidirectional)
  t.match(
    violationOf(() => machine.access(0, A, 'write')),
    /^LIFE: device 0 writes .* through I\/O page \d+, which is not mapped/,
  )
  t.end()
})

t.test('two faults on one page: one mapping, whichever comes first at whatever step', (t) => {
  const schedules = everyPreemption(() => {
    const machine = behindIommu()
    const { task, mm, mirrors } = machine
    area(task, mm, A, 1, RW)
    store(task, A, 5)
    const other = machine.solo.other(1)
    const fault = { etype: WRITE, start: A, end: A + 1 }
    let first = 1
    let second = 1
    return {
      first: task,
      run: () => {
        first = boundDriver(task, 0).dev.mirrorFault(mirrors[0] as Mirror, { ...fault })
      },
      second: other,
      meanwhile: () => {
        second = boundDriver(other, 0).dev.mirrorFault(mirrors[0] as Mirror, { ...fault })
      },
      check: () => {
        assert(first === 0 && second === 0 && machine.mapped() === 1, `${first} ${second} ${machine.mapped()}`)
        const left = machine.close()
        assert(left.length === 0, left.join('; '))
      },
    }
  })
  t.ok(schedules > 20, `${schedules} schedules`)
  t.end()
})

t.test('a fault and a munmap: the page is unmapped when it goes, at whatever step', (t) => {
  const schedules = everyPreemption(() => {
    const machine = behindIommu()
    const { task, mm, mirrors } = machine
    area(task, mm, A, 1, RW)
    area(task, mm, A + 1, 1, RW)
    store(task, A, 5)
    machine.fault(0, WRITE, A)
    const other = machine.solo.other(1)
    return {
      first: task,
      run: () => munmap(task, mm, A, 1),
      second: other,
      meanwhile: () => {
        boundDriver(other, 0).dev.mirrorFault(mirrors[0] as Mirror, { etype: WRITE, start: A + 1, end: A + 2 })
      },
      check: () => {
        assert(machine.mapped() <= 1, 'the page that went is not mapped')
        const left = machine.close()
        assert(left.length === 0, left.join('; '))
      },
    }
  })
  t.ok(schedules > 20, `${schedules} schedules`)
  t.end()
})
