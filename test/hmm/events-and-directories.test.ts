/**
 * What does an event do to the directories of a mirror's table? An entry that goes is counted off its directory, which dies with its
 * last one; an entry that only loses a right is not (2016, sections 1.6 and 2.6).
 */
import t from 'tap'
import { liveObjects } from '../../shared/frame/objects.ts'
import { directoryKind } from '../../shared/hmm/directory.ts'
import { HMM_DEVICE_WRITE_FAULT } from '../../shared/hmm/event.ts'
import { MIRROR_GEOMETRY } from '../../shared/hmm/mirror.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { A, area, RO, RW } from '../support/addressspace.ts'
import { type EventMachine, eventMachine } from '../support/eventmachine.ts'

const LEAF = directoryKind(MIRROR_GEOMETRY, MIRROR_GEOMETRY.leafLevel)

/** Two pages that the device has, in a leaf directory of their own. */
function shown(): EventMachine {
  const machine = eventMachine()
  area(machine.task, machine.mm, A, 2, RW)
  machine.fault(0, HMM_DEVICE_WRITE_FAULT, A, 2)
  return machine
}

for (const [name, change] of [
  ['munmap', ({ task, mm }, vpn) => munmap(task, mm, vpn, 1)],
  ['a zap', ({ task, mm }, vpn) => madvise(task, mm, vpn, 1, ADVICE.dontneed)],
] as readonly (readonly [string, (machine: EventMachine, vpn: number) => void])[]) {
  t.test(`${name}: the directory lives as long as one of its entries, and dies with the last`, (t) => {
    const machine = shown()
    const { task } = machine
    t.equal(liveObjects(task, LEAF), 1)
    change(machine, A)
    t.same([machine.entry(0, A), machine.entry(0, A + 1), liveObjects(task, LEAF)], ['-', 'rw shown', 1])
    change(machine, A + 1)
    t.same(machine.close(), [], 'the grace period is over')
    t.equal(liveObjects(task, LEAF), 0)
    t.end()
  })
}

t.test('the last entry goes while the mirror stays: the directory is gone, and a fault makes another', (t) => {
  const machine = shown()
  const { task, mm } = machine
  madvise(task, mm, A, 2, ADVICE.dontneed)
  machine.solo.leftovers() // ends grace periods
  t.equal(liveObjects(task, LEAF), 0)
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  t.equal(liveObjects(task, LEAF), 1)
  t.same(machine.close(), [])
  t.end()
})

t.test('write protection, by mprotect or fork: nothing is counted off', (t) => {
  const machine = shown()
  const { task, mm } = machine
  mprotect(task, mm, A, 1, RO)
  mmPut(task, fork(task, mm, 2))
  t.same([machine.entry(0, A), machine.entry(0, A + 1), liveObjects(task, LEAF)], ['ro shown', 'ro shown', 1])
  madvise(task, mm, A, 1, ADVICE.dontneed)
  machine.solo.leftovers()
  t.equal(liveObjects(task, LEAF), 1, 'the other one keeps it')
  madvise(task, mm, A + 1, 1, ADVICE.dontneed)
  machine.solo.leftovers()
  t.equal(liveObjects(task, LEAF), 0)
  t.same(machine.close(), [])
  t.end()
})
