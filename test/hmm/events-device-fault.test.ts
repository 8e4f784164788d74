/**
 * What does a device fault of 2016 return, and when? Section 2.7, row by row, and the order of its steps.
 */
import t from 'tap'
import { detachDevice } from '../../shared/device/attach.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import { frameLock, frameUnlock } from '../../shared/frame/frames.ts'
import { FAULT_KIND } from '../../shared/hmm/activefault.ts'
import {
  HMM_COPY_FROM_DEVICE,
  HMM_DEVICE_READ_FAULT,
  HMM_DEVICE_WRITE_FAULT,
  HMM_MUNMAP,
  VM_END,
} from '../../shared/hmm/event.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { EFAULT, EINVAL, EIO, ENODEV, ENOMEM, EPERM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { makeEntry, PTE_KIND } from '../../shared/mm/pte.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { findVma, VM_IO, VM_MIXEDMAP, VM_PFNMAP, vmaSetFlags } from '../../shared/mm/vma.ts'
import { mmapSem, NO_MM } from '../../shared/notifier/mmhead.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { isHeld } from '../../shared/sync/held.ts'
import { downWrite, upWrite } from '../../shared/sync/rwsem.ts'
import { A, area, entries, frameOf, hugeArea, load, makeScarce, NONE, RO, RW, store, takeAll } from '../support/addressspace.ts'
import { eventMachine } from '../support/eventmachine.ts'
import { atEveryPoint, sleeps } from '../support/interleave.ts'
import { plantEntry } from '../support/plantedentry.ts'

const READ = HMM_DEVICE_READ_FAULT
const WRITE = HMM_DEVICE_WRITE_FAULT

t.test('0: pages that are not there are brought in, and shown', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 4, RW)
  t.equal(machine.fault(0, WRITE, A, 2), 'ok')
  t.equal(machine.fault(0, READ, A + 2), 'ok')
  t.same(entries(task, mm, A, 4), ['rw', 'rw', '0', '-'])
  t.same(
    [0, 1, 2, 3].map((i) => machine.entry(0, A + i)),
    ['rw shown', 'rw shown', 'ro shown', '-'],
  )
  t.same(machine.told(), ['0: HMM_DEVICE_WRITE_FAULT 0..1', '0: HMM_DEVICE_READ_FAULT 2..2'])
  t.same(machine.close(), [])
  t.end()
})

t.test('0: a read that finds a writable page shows it for writing', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  t.equal(machine.fault(0, READ, A), 'ok')
  t.equal(machine.access(0, A, 'write'), 'ok')
  t.same(machine.close(), [])
  t.end()
})

t.test('0: the end is cut to the area, and the caller reads it', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 2, RW)
  area(task, mm, A + 2, 2, RO)
  const event = { etype: WRITE, start: A, end: A + 4 }
  t.equal(boundDriver(task, 0).dev.mirrorFault(machine.mirrors[0] as Mirror, event), 0)
  t.equal(event.end, A + 2)
  t.same(machine.told(), ['0: HMM_DEVICE_WRITE_FAULT 0..1'])
  t.same(machine.close(), [])
  t.end()
})

t.test('0: pages of a 2 MiB entry, and of several tables', (t) => {
  const machine = eventMachine([{}], { bytes: 64 * 1024 * 1024 })
  const { task, mm } = machine
  hugeArea(task, mm, A, 1024, RW)
  store(task, A, 1)
  t.equal(machine.fault(0, WRITE, A + 510, 4), 'ok')
  t.same(
    [509, 510, 511, 512, 513, 514].map((i) => machine.entry(0, A + i)),
    ['-', 'rw shown', 'rw shown', 'rw shown', 'rw shown', '-'],
  )
  t.equal(machine.access(0, A + 511, 'write'), 'ok')
  t.same(machine.close(), [])
  t.end()
})

t.test('-EINVAL: behind the end, empty, not a fault', (t) => {
  const machine = eventMachine()
  area(machine.task, machine.mm, A, 1, RW)
  t.same(
    [
      machine.fault(0, READ, VM_END),
      machine.fault(0, READ, A, 0),
      machine.fault(0, READ, -1),
      machine.fault(0, HMM_MUNMAP, A),
      machine.fault(0, HMM_COPY_FROM_DEVICE, A),
    ],
    ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'],
  )
  t.same(machine.close(), [])
  t.end()
})

t.test('-EFAULT: no area; or one that starts later, and then the hole is cut out', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A + 4, 2, RW)
  const { dev } = boundDriver(task, 0)
  const ask = (start: number, end: number) => {
    const event = { etype: READ, start, end }
    const result = dev.mirrorFault(machine.mirrors[0] as Mirror, event)
    return [result, event.end - A]
  }
  t.same(ask(A + 8, A + 9), [-EFAULT, 9])
  t.same(ask(A, A + 6), [-EFAULT, 4])
  t.same(ask(A, A + 2), [-EFAULT, 2])
  t.same(machine.told(), [])
  t.same(machine.close(), [])
  t.end()
})

t.test('-EFAULT: device memory without pages', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  const setFlags = (flags: number) => {
    downWrite(task, mmapSem(mm), MMAP_SEM)
    vmaSetFlags(task, findVma(task, mm, A), flags)
    upWrite(task, mmapSem(mm))
  }
  for (const flag of [VM_IO, VM_PFNMAP, VM_MIXEDMAP]) {
    setFlags(RW | flag)
    t.equal(machine.fault(0, READ, A), 'EFAULT')
  }
  t.same(machine.told(), [])
  setFlags(RW)
  t.equal(machine.fault(0, READ, A), 'ok')
  t.same(machine.close(), [])
  t.end()
})

t.test('-EBUSY: a CPU fault waited for a page on its way, without mmap_sem; the next call is served', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  const frame = frameOf(task, mm, A)
  const mover = machine.solo.other(1)
  frameLock(mover, frame)
  const restore = plantEntry(task, mm, A, makeEntry(PTE_KIND.migration, frame, 0))
  let held: boolean | null = null
  atEveryPoint(task, () => {
    if (held !== null || !sleeps(task)) return
    held = isHeld(task, mmapSem(mm))
    restore()
    frameUnlock(mover, frame)
  })
  t.equal(machine.fault(0, WRITE, A), 'EBUSY')
  t.equal(held, false, 'mmap_sem is free while it waits')
  t.notOk(isHeld(task, mmapSem(mm)))
  Object.defineProperty(task, 'gate', { configurable: true, writable: true, value: 0 })
  t.equal(machine.fault(0, WRITE, A), 'ok')
  t.equal(machine.access(0, A, 'write'), 'ok')
  t.same(machine.close(), [])
  t.end()
})

t.test('-EFAULT: an area without any right', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  mprotect(task, mm, A, 1, NONE)
  t.equal(machine.fault(0, READ, A), 'EFAULT')
  t.same(machine.close(), [])
  t.end()
})

t.test('-EACCES: a write to an area that may only be read; a read of it is served', (t) => {
  const machine = eventMachine()
  area(machine.task, machine.mm, A, 1, RO)
  t.equal(machine.fault(0, WRITE, A), 'EACCES')
  t.equal(machine.fault(0, READ, A), 'ok')
  t.same(machine.close(), [])
  t.end()
})

t.test('-ENODEV: the mirror is dead, or the address space', (t) => {
  const machine = eventMachine([{}, {}])
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  t.equal(machine.fault(0, READ, A), 'ok')
  const { dev } = boundDriver(task, 0)
  const kept = dev.getMirror(mm) as Mirror // as a service that is at a fault when the device is closed
  detachDevice(task, kept)
  t.equal(dev.mirrorFault(kept, { etype: READ, start: A, end: A + 1 }), -ENODEV)
  dev.putMirror(kept)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  t.equal(machine.fault(1, READ, A), 'ENODEV')
  t.same(machine.told().slice(-2), ['1: HMM_MUNMAP everything', '1: release'])
  detachDevice(task, machine.mirrors[1] as Mirror)
  t.same(machine.solo.leftovers(), [])
  t.end()
})

t.test('-ENOMEM: no frame for a page', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 2, RW)
  store(task, A, 1) // its tables are there
  const giveBack = makeScarce(task, 'frame', 0)
  t.equal(machine.fault(0, WRITE, A + 1), 'ENOMEM')
  giveBack()
  t.equal(machine.fault(0, WRITE, A + 1), 'ok')
  t.same(machine.close(), [])
  t.end()
})

t.test('-ENOMEM: no memory for the fault itself', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 2, RW)
  t.equal(machine.fault(0, WRITE, A + 1), 'ok') // its tables are there: what is taken does not come back for other kinds
  const giveBack = takeAll(task, FAULT_KIND)
  t.equal(machine.fault(0, WRITE, A), 'ENOMEM')
  giveBack()
  t.equal(machine.fault(0, WRITE, A), 'ok')
  t.same(machine.close(), [])
  t.end()
})

for (const [answer, error] of [
  [-ENOMEM, 'ENOMEM'],
  [-EIO, 'EIO'],
  [-EPERM, 'EIO'],
  [-EINVAL, 'EIO'],
] as const) {
  t.test(`what update() returns, here ${answer}: ${error}, and the mirror is dead`, (t) => {
    const machine = eventMachine([{ answer: ({ etype }) => (etype === READ ? answer : 0) }])
    area(machine.task, machine.mm, A, 1, RW)
    t.equal(machine.fault(0, READ, A), error)
    t.same(machine.told(), ['0: HMM_DEVICE_READ_FAULT 0..0', '0: HMM_MUNMAP everything', '0: release'])
    t.equal(machine.entry(0, A), '-')
    t.equal(machine.fault(0, READ, A), 'ENODEV')
    t.same(machine.told(), [], 'a dead mirror hears nothing')
    t.same(machine.close(), [])
    t.end()
  })
}

t.test('two faults of two devices on one page: each copes with what is there', (t) => {
  const machine = eventMachine([{}, {}])
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  load(task, A)
  t.equal(machine.fault(0, READ, A), 'ok')
  t.equal(machine.entry(0, A), 'ro shown')
  t.equal(machine.fault(1, WRITE, A), 'ok')
  t.same(
    machine.told(),
    ['0: HMM_DEVICE_READ_FAULT 0..0', '0: HMM_MIGRATE 0..0', '1: HMM_MIGRATE 0..0', '1: HMM_DEVICE_WRITE_FAULT 0..0'].sort(
      (a, b) => order(a) - order(b),
    ),
    'the page of zeros is copied: that is itself a change',
  )
  t.same([machine.entry(0, A), machine.entry(1, A)], ['-', 'rw shown'])
  t.equal(machine.fault(0, READ, A), 'ok')
  t.equal(machine.entry(0, A), 'rw shown')
  t.same(machine.close(), [])
  t.end()
})

/** The list of mirrors has its youngest first. */
function order(note: string): number {
  return ['0: HMM_DEVICE_R', '1: HMM_MIGRATE', '0: HMM_MIGRATE', '1: HMM_DEVICE_W'].findIndex((start) => note.startsWith(start))
}
