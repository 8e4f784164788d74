/**
 * How does a page get into a device's memory and home again under the rules of 2016 (sections 2.9 and 2.10)? HMM moves, the driver copies;
 * what cannot come home is lost, and says so.
 */
import t from 'tap'
import { HMM_COPY_TO_DEVICE, HMM_DEVICE_READ_FAULT, HMM_DEVICE_WRITE_FAULT } from '../../shared/hmm/event.ts'
import { EIO, ENOMEM, EPERM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_EXEC, VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, entries, fileArea, load, RW, store, wrongCounts } from '../support/addressspace.ts'
import { type EventMachine, eventMachine, type Manners } from '../support/eventmachine.ts'

const PRIVATE = 'kind 3'
const POISONED = 'kind 7'

/** A device with memory for `pages`, and a page A+0 that a cpu wrote; A+1 is untouched. Both are asked to move. */
function moved(manners: readonly Manners[], pages = 4): { machine: EventMachine; answer: string } {
  const machine = eventMachine(manners, { deviceFrames: [pages], swapFrames: 4 })
  area(machine.task, machine.mm, A, 2, RW)
  store(machine.task, A, 5)
  return { machine, answer: machine.fault(0, HMM_COPY_TO_DEVICE, A, 2) }
}

t.test('to the device: all let go, the driver copies, the device has what it asked for', (t) => {
  const { machine, answer } = moved([{ copies: {} }])
  const { task, mm } = machine
  t.equal(answer, 'ok')
  t.same(entries(task, mm, A, 2), [PRIVATE, PRIVATE])
  const told = machine.told()
  t.equal(told.at(-1), '0: HMM_COPY_TO_DEVICE 0..1')
  t.ok(told.slice(0, -1).every((note) => note.startsWith('0: HMM_MIGRATE')))
  t.same([machine.entry(0, A), machine.entry(0, A + 1)], ['rw shown', 'rw shown'])
  t.equal(machine.access(0, A, 'write'), 'ok')
  t.same(machine.close(), [])
  t.end()
})

t.test('home: a cpu touches it, the mirrors let go, the driver copies', (t) => {
  const { machine } = moved([{ copies: {} }])
  const { task, mm } = machine
  machine.access(0, A, 'write') // 7
  machine.told()
  t.equal(load(task, A), 7)
  t.same(machine.told(), ['0: HMM_MIGRATE 0..0'])
  t.same(entries(task, mm, A, 2), ['rw', PRIVATE])
  t.equal(machine.entry(0, A), '-')
  t.equal(load(task, A + 1), 0, 'what was empty is zero')
  t.same(machine.close(), [])
  t.end()
})

t.test('a page that there is no room for stays where it is, and is shown there', (t) => {
  const { machine, answer } = moved([{ copies: {} }], 1)
  t.equal(answer, 'ok')
  t.same(entries(machine.task, machine.mm, A, 2), [PRIVATE, '0'])
  t.same([machine.entry(0, A), machine.entry(0, A + 1)], ['rw shown', 'ro shown'])
  t.same(machine.close(), [])
  t.end()
})

t.test('a page that is swapped out comes in first', (t) => {
  const machine = eventMachine([{ copies: {} }], { deviceFrames: [4], swapFrames: 4 })
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  madvise(task, mm, A, 1, ADVICE.pageout)
  t.equal(machine.fault(0, HMM_COPY_TO_DEVICE, A), 'ok')
  t.same(entries(task, mm, A, 1), [PRIVATE])
  t.equal(load(task, A), 5)
  t.same(machine.close(), [])
  t.end()
})

t.test('faults of the device on its own memory are served there', (t) => {
  const { machine } = moved([{ copies: {} }])
  machine.told()
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A, 2), 'ok')
  t.equal(machine.fault(0, HMM_COPY_TO_DEVICE, A, 2), 'ok', 'what is there already stays')
  t.same(entries(machine.task, machine.mm, A, 2), [PRIVATE, PRIVATE])
  t.same(machine.close(), [])
  t.end()
})

for (const [returned, error] of [
  [-ENOMEM, 'ENOMEM'],
  [-EIO, 'EIO'],
  [-EPERM, 'EIO'],
] as const) {
  t.test(`copyToDevice() returns ${returned}: ${error}; nothing moved, nothing is lost, the mirror is dead`, (t) => {
    const { machine, answer } = moved([{ copies: { to: returned } }])
    t.equal(answer, error)
    t.same(machine.told().slice(-2), ['0: HMM_MUNMAP everything', '0: release'])
    t.equal(entries(machine.task, machine.mm, A, 1)[0], 'rw')
    t.equal(load(machine.task, A), 5)
    t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A), 'ENODEV')
    t.same(machine.close(), [])
    t.end()
  })
}

t.test('copyFromDevice() fails: SIGBUS, the mirror is dead, and what it had stays lost', (t) => {
  const { machine } = moved([{ copies: { from: -EIO } }])
  const { task, mm } = machine
  machine.told()
  t.equal(load(task, A), 'sigbus')
  t.same(machine.told(), ['0: HMM_MIGRATE 0..0', '0: HMM_MUNMAP everything', '0: release'])
  t.same([load(task, A), load(task, A + 1), store(task, A, 1)], ['sigbus', 'sigbus', 'sigbus'])
  t.same(entries(task, mm, A, 2), [POISONED, POISONED])
  t.equal(munmap(task, mm, A, 2), 0, 'its address is free to be used again')
  area(task, mm, A, 1, RW)
  t.equal(load(task, A), 0)
  t.same(machine.close(), [])
  t.end()
})

t.test('a page that copyFromDevice() leaves out is lost; the mirror lives', (t) => {
  const { machine } = moved([{ copies: { loses: true } }])
  machine.told()
  t.equal(load(machine.task, A), 'sigbus')
  t.same(machine.told(), ['0: HMM_MIGRATE 0..0'])
  t.equal(entries(machine.task, machine.mm, A, 1)[0], POISONED)
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A), 'EFAULT', 'for the device, too')
  t.same([machine.fault(0, HMM_DEVICE_READ_FAULT, A + 1), machine.entry(0, A + 1)], ['ok', 'rw shown'])
  t.same(machine.close(), [])
  t.end()
})

t.test('a lost page is lost for every process that has it, and fork hands the loss on', (t) => {
  const { machine } = moved([{ copies: { loses: true } }])
  const { task, mm } = machine
  const child = fork(task, mm, 2)
  t.equal(load(task, A), 'sigbus')
  t.same([entries(task, mm, A, 1)[0], entries(task, child, A, 1)[0]], [POISONED, POISONED])
  const grandchild = fork(task, child, 3)
  t.same(entries(task, grandchild, A, 1), [POISONED])
  t.same(wrongCounts(task, mm, child, grandchild), [])
  for (const one of [grandchild, child]) mmPut(task, one)
  t.same(machine.close(), [])
  t.end()
})

t.test('another device loses the page to the move, and its fault brings it home', (t) => {
  const machine = eventMachine([{ copies: {} }, {}], { deviceFrames: [4, 0] })
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  machine.fault(1, HMM_DEVICE_WRITE_FAULT, A)
  t.equal(machine.fault(0, HMM_COPY_TO_DEVICE, A), 'ok')
  t.same([machine.entry(0, A), machine.entry(1, A)], ['rw shown', '-'])
  t.equal(machine.fault(1, HMM_DEVICE_READ_FAULT, A), 'ok')
  t.same([machine.entry(0, A), machine.entry(1, A), entries(task, mm, A, 1)[0]], ['-', 'rw shown', 'rw'])
  t.same(machine.close(), [])
  t.end()
})

t.test(
  'fork shares the page: the device may read it; a write of it is copied; the child has it brought home without a mirror',
  (t) => {
    const { machine } = moved([{ copies: {} }])
    const { task, mm } = machine
    const child = fork(task, mm, 2)
    t.same([machine.entry(0, A), machine.access(0, A, 'read'), machine.access(0, A, 'write')], ['ro shown', 'ok', 'fault'])
    t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
    t.equal(machine.access(0, A, 'write'), 'ok') // 7
    switchMm(task, child)
    t.equal(load(task, A), 5, 'what the parent device wrote never shows')
    t.equal(load(task, A + 1), 0)
    switchMm(task, mm)
    t.equal(load(task, A), 7)
    mmPut(task, child)
    t.same(machine.close(), [])
    t.end()
  },
)

t.test('any mprotect takes the right to write from a page in device memory, and from the device', (t) => {
  const { machine } = moved([{ copies: {} }])
  const { task, mm } = machine
  machine.told()
  mprotect(task, mm, A, 2, RW | VM_EXEC)
  t.same(machine.told(), ['0: HMM_WRITE_PROTECT 0..1'])
  t.equal(machine.entry(0, A), 'ro shown')
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  t.same([entries(task, mm, A, 1)[0], machine.entry(0, A)], ['rw', 'rw shown'], 'it had to come home for that')
  t.same(machine.close(), [])
  t.end()
})

t.test('-EINVAL: memory that does not move, too much of it, a driver that does not copy', (t) => {
  const machine = eventMachine([{ copies: {} }, {}], { deviceFrames: [4, 0] })
  const { task, mm } = machine
  area(task, mm, A, 1024, RW)
  fileArea(task, mm, A + 2048, 1, RW)
  fileArea(task, mm, A + 3072, 1, RW | VM_SHARED)
  t.same(
    [
      machine.fault(0, HMM_COPY_TO_DEVICE, A, 513),
      machine.fault(0, HMM_COPY_TO_DEVICE, A + 2048),
      machine.fault(0, HMM_COPY_TO_DEVICE, A + 3072),
      machine.fault(1, HMM_COPY_TO_DEVICE, A),
    ],
    ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'],
  )
  t.same(machine.close(), [])
  t.end()
})
