/**
 * The worked cases of 2016 (section 2.11): what a change by the CPU does to the device, to the mirror's entry and to the page.
 */
import t from 'tap'
import { HMM_DEVICE_READ_FAULT, HMM_DEVICE_WRITE_FAULT } from '../../shared/hmm/event.ts'
import { cleanFile } from '../../shared/mm/clean.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { PTE_DIRTY } from '../../shared/mm/pte.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, entry, fileArea, frameOf, load, NONE, RO, RW, store } from '../support/addressspace.ts'
import { type EventMachine, eventMachine } from '../support/eventmachine.ts'
import { plantEntry } from '../support/plantedentry.ts'

/** A page that the device has written, clean as far as the CPU knows. */
function written(): EventMachine {
  const machine = eventMachine()
  area(machine.task, machine.mm, A, 1, RW)
  store(machine.task, A, 5)
  machine.fault(0, HMM_DEVICE_WRITE_FAULT, A)
  machine.access(0, A, 'write') // 7
  machine.pageWasDirty(A)
  machine.told()
  return machine
}

t.test('fork: the device loses the right to write, the mark moves to the page', (t) => {
  const machine = written()
  const { task, mm } = machine
  const child = fork(task, mm, 2)
  t.same(machine.told(), ['0: HMM_FORK 0..0'])
  t.same([machine.entry(0, A), machine.access(0, A, 'write'), machine.access(0, A, 'read')], ['ro shown', 'fault', 'ok'])
  t.ok(machine.pageWasDirty(A))
  mmPut(task, child)
  t.same(machine.close(), [])
  t.end()
})

t.test('a later write of the device: copied by the CPU first, which takes the old page away; parent and child differ', (t) => {
  const machine = written()
  const { task, mm } = machine
  const child = fork(task, mm, 2)
  const shared = frameOf(task, mm, A)
  machine.told()
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  t.same(machine.told(), ['0: HMM_MIGRATE 0..0', '0: HMM_DEVICE_WRITE_FAULT 0..0'])
  t.not(frameOf(task, mm, A), shared)
  store(task, A, 5)
  machine.access(0, A, 'write')
  t.equal(load(task, A), 7)
  switchMm(task, child)
  store(task, A, 9)
  switchMm(task, mm)
  t.equal(load(task, A), 7, 'what the child writes never shows')
  mmPut(task, child)
  t.same(machine.close(), [])
  t.end()
})

t.test('munmap: unmapped, the entry gone', (t) => {
  const machine = written()
  munmap(machine.task, machine.mm, A, 1)
  t.same([machine.told(), machine.entry(0, A), machine.access(0, A, 'read')], [['0: HMM_MUNMAP 0..0'], '-', 'fault'])
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A), 'EFAULT')
  t.same(machine.close(), [])
  t.end()
})

t.test('mprotect to read-only: the device loses the right to write, the mark moves to the page', (t) => {
  const machine = written()
  mprotect(machine.task, machine.mm, A, 1, RO)
  t.same(
    [machine.told(), machine.entry(0, A), machine.access(0, A, 'write')],
    [['0: HMM_WRITE_PROTECT 0..0'], 'ro shown', 'fault'],
  )
  t.ok(machine.pageWasDirty(A))
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'EACCES')
  t.same(machine.close(), [])
  t.end()
})

t.test('mprotect to nothing: unmapped, the mark moves to the page', (t) => {
  const machine = written()
  const { task, mm } = machine
  mprotect(task, mm, A, 1, NONE)
  t.same([machine.told(), machine.entry(0, A), entry(task, mm, A)], [['0: HMM_MUNMAP 0..0'], '-', 'none'])
  t.ok(machine.pageWasDirty(A))
  t.same(machine.close(), [])
  t.end()
})

t.test('a page that goes elsewhere: unmapped, and what the device wrote goes along', (t) => {
  const machine = eventMachine([{}], { swapFrames: 4 })
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  machine.fault(0, HMM_DEVICE_WRITE_FAULT, A)
  machine.access(0, A, 'write') // 7
  machine.told()
  madvise(task, mm, A, 1, ADVICE.pageout)
  t.same([machine.told(), machine.entry(0, A)], [['0: HMM_MIGRATE 0..0'], '-'])
  t.equal(load(task, A), 7)
  t.same(machine.close(), [])
  t.end()
})

t.test('a page that is written back: the device loses the right to write, and what it wrote is told to the page before', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  const file = fileArea(task, mm, A, 1, RW | VM_SHARED)
  machine.fault(0, HMM_DEVICE_WRITE_FAULT, A)
  machine.access(0, A, 'write') // 7
  machine.pageWasDirty(A)
  plantEntry(task, mm, A, cpuEntry(task, mm, A) & ~PTE_DIRTY) // only the device knows that the page was written
  machine.told()
  t.equal(cleanFile(task, file, 0, 0), 1, 'the page was dirty when it was written back')
  t.same(
    [machine.told(), machine.entry(0, A), machine.access(0, A, 'read'), machine.access(0, A, 'write')],
    [['0: HMM_WRITE_PROTECT 0..0'], 'ro shown', 'ok', 'fault'],
  )
  t.equal(cleanFile(task, file, 0, 0), 0, 'and is clean now')
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  machine.access(0, A, 'write')
  t.equal(cleanFile(task, file, 0, 0), 1)
  t.equal(load(task, A), 7)
  t.same(machine.close(), [])
  t.end()
})

t.test('after the right to write is back, the device asks again', (t) => {
  const machine = written()
  const { task, mm } = machine
  mprotect(task, mm, A, 1, RO)
  mprotect(task, mm, A, 1, RW)
  t.same(machine.told(), ['0: HMM_WRITE_PROTECT 0..0'], 'more rights are no event')
  t.equal(machine.access(0, A, 'write'), 'fault')
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  t.equal(machine.access(0, A, 'write'), 'ok')
  t.same(machine.close(), [])
  t.end()
})
