/**
 * Who is told, from when, and until when? Section 2.1 of 2016's rules: mirrors are registered and unregistered, devices as well; a
 * driver hears `release` once, and nothing afterwards.
 */
import t from 'tap'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { deviceRegister, deviceUnregister } from '../../shared/device/registration.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import { HMM_DEVICE_READ_FAULT, HMM_DEVICE_WRITE_FAULT, HMM_MUNMAP } from '../../shared/hmm/event.ts'
import { HMM_KIND, hmmJoin } from '../../shared/hmm/eventhmm.ts'
import { createMirror, type Mirror, mirrorEventHmm } from '../../shared/hmm/mirror.ts'
import { protocolOf } from '../../shared/hmm/protocol.ts'
import { EBUSY, EINVAL, EIO, ENODEV, ENOMEM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { NO_MM } from '../../shared/notifier/mmhead.ts'
import { A, area, newSpace, RW, store, takeAll } from '../support/addressspace.ts'
import { eventMachine } from '../support/eventmachine.ts'
import { solo } from '../support/solo.ts'

t.test('mirrors of one address space share an hmm; every mirror is told', (t) => {
  const machine = eventMachine([{}, {}])
  const { task, mm } = machine
  t.equal(mirrorEventHmm(task, machine.mirrors[0] as Mirror), mirrorEventHmm(task, machine.mirrors[1] as Mirror))
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  munmap(task, mm, A, 1)
  t.same(machine.told(), ['1: HMM_MUNMAP 0..0', '0: HMM_MUNMAP 0..0'])
  t.same(machine.close(), [])
  t.end()
})

t.test('-EINVAL: a device that mirrors the address space already (opening it twice is -EBUSY before that)', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  const second = createMirror(task, 0, mm)
  t.equal(hmmJoin(task, second), -EINVAL)
  boundDriver(task, 0).putMirror(second)
  t.equal(attachDevice(task, 0, mm), -EBUSY)
  t.same(machine.close(), [])
  t.end()
})

t.test('-ENOMEM: no memory for what the mirrors share; nothing is left behind', (t) => {
  const machine = solo({ era: 'events', drivers: [{ name: 'one', invalidate: () => true, update: () => 0 }] })
  const { task } = machine
  const mm = newSpace(task)
  const mirror = createMirror(task, 0, mm)
  const giveBack = takeAll(task, HMM_KIND)
  t.equal(hmmJoin(task, mirror), -ENOMEM)
  giveBack()
  t.equal(hmmJoin(task, mirror), 0)
  protocolOf(task).withdraw(task, mirror)
  boundDriver(task, 0).putMirror(mirror)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  t.same(machine.leftovers(), [])
  t.end()
})

t.test('unregistering: HMM_MUNMAP over everything, then release; the others go on', (t) => {
  const machine = eventMachine([{}, {}])
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  machine.fault(0, HMM_DEVICE_WRITE_FAULT, A)
  machine.access(0, A, 'write')
  machine.pageWasDirty(A)
  machine.told()
  detachDevice(task, machine.mirrors[0] as Mirror)
  t.same(machine.told(), ['0: HMM_MUNMAP everything', '0: release'])
  t.ok(machine.pageWasDirty(A), 'what it wrote reached the page')
  munmap(task, mm, A, 1)
  t.same(machine.told(), ['1: HMM_MUNMAP 0..0'])
  detachDevice(task, machine.mirrors[1] as Mirror)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  t.same(machine.told(), ['1: HMM_MUNMAP everything', '1: release'])
  t.same(machine.solo.leftovers(), [])
  t.end()
})

t.test('a new mirror after the last one has gone: a new hmm', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  detachDevice(task, machine.mirrors[0] as Mirror)
  const again = attachDevice(task, 0, mm) as Mirror
  t.ok(again > 0)
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  machine.told()
  munmap(task, mm, A, 1)
  t.same(machine.told(), ['0: HMM_MUNMAP 0..0'], 'told once')
  detachDevice(task, again)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  t.same(machine.solo.leftovers(), [])
  t.end()
})

t.test('the end of the address space: every mirror is released, once; closing it later says nothing', (t) => {
  const machine = eventMachine([{}, {}])
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  machine.fault(0, HMM_DEVICE_READ_FAULT, A)
  machine.told()
  switchMm(task, NO_MM)
  mmPut(task, mm)
  const told = machine.told()
  t.same(told.filter((note) => note.endsWith('release')).sort(), ['0: release', '1: release'])
  t.equal(machine.entry(0, A), '-')
  for (const mirror of machine.mirrors) detachDevice(task, mirror)
  t.same(machine.told(), [])
  t.same(machine.solo.leftovers(), [])
  t.end()
})

t.test('update() fails for a change: this mirror is killed, the others are told again, the change goes on', (t) => {
  const failing = {
    answer: ({ etype, start }: { etype: number; start: number }) => (etype === HMM_MUNMAP && start !== 0 ? -EIO : 0),
  }
  const machine = eventMachine([{}, failing])
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  machine.fault(0, HMM_DEVICE_READ_FAULT, A)
  machine.fault(1, HMM_DEVICE_READ_FAULT, A)
  machine.told()
  t.equal(munmap(task, mm, A, 1), 0)
  t.same(machine.told(), ['1: HMM_MUNMAP 0..0', '1: HMM_MUNMAP everything', '1: release', '0: HMM_MUNMAP 0..0'])
  t.same([machine.entry(0, A), machine.entry(1, A)], ['-', '-'])
  area(task, mm, A, 1, RW)
  t.same([machine.fault(0, HMM_DEVICE_READ_FAULT, A), machine.fault(1, HMM_DEVICE_READ_FAULT, A)], ['ok', 'ENODEV'])
  t.same(machine.close(), [])
  t.end()
})

t.test('a driver that fails at everything is released all the same, and its table is empty', (t) => {
  const machine = eventMachine([{ answer: ({ etype }) => (etype === HMM_DEVICE_WRITE_FAULT ? 0 : -EIO) }])
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  t.equal(machine.access(0, A, 'write'), 'ok')
  t.equal(munmap(task, mm, A, 1), 0)
  t.same(machine.told().slice(-2), ['0: HMM_MUNMAP everything', '0: release'])
  t.same([machine.entry(0, A), machine.access(0, A, 'read')], ['-', 'fault'])
  t.same(machine.close(), [])
  t.end()
})

t.test('a device is not taken away while it has mirrors; gone, it mirrors nothing until it is back', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  t.equal(deviceUnregister(task, 0), -EBUSY)
  t.equal(deviceRegister(task, 0), -EINVAL, 'it is there')
  const [mirror] = machine.mirrors
  const { dev } = boundDriver(task, 0)
  const atAFault = dev.getMirror(mm) as Mirror
  detachDevice(task, mirror as Mirror)
  t.equal(deviceUnregister(task, 0), -EBUSY, 'a service still holds it')
  dev.putMirror(atAFault)
  t.equal(deviceUnregister(task, 0), 0)
  t.equal(deviceUnregister(task, 0), -EINVAL)
  t.equal(attachDevice(task, 0, mm), -ENODEV)
  t.equal(deviceRegister(task, 0), 0)
  const again = attachDevice(task, 0, mm) as Mirror
  t.ok(again > 0)
  detachDevice(task, again)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  t.same(machine.solo.leftovers(), [])
  t.end()
})

t.test('a driver without update() is refused', (t) => {
  t.throws(() => solo({ era: 'events', drivers: [{ name: 'old', invalidate: () => true }] }), {
    code: 'HMM_ERR_DRIVER',
    message: 'driver old has no update(): era events calls that instead of invalidate()',
  })
  t.end()
})
