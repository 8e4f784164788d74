/**
 * Which event does a driver get for which change of the address space? Section 2.3 of 2016's rules: the reason a notifier is given,
 * and the event HMM makes of it.
 */
import t from 'tap'
import { HMM_DEVICE_WRITE_FAULT } from '../../shared/hmm/event.ts'
import { cleanFile } from '../../shared/mm/clean.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { VM_EXEC, VM_SHARED } from '../../shared/mm/vma.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import { type Mm, mmapSem } from '../../shared/notifier/mmhead.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downRead, upRead } from '../../shared/sync/rwsem.ts'
import { A, area, fileArea, hugeArea, NONE, RO, RW, store } from '../support/addressspace.ts'
import { type EventMachine, eventMachine } from '../support/eventmachine.ts'

interface Tester {
  equal(found: unknown, wanted: unknown): boolean
  same(found: unknown, wanted: unknown): boolean
}

/** Four pages that the device may write; what `change` made the driver hear. */
function heard(t: Tester, change: (machine: EventMachine) => void): string[] {
  const machine = eventMachine()
  area(machine.task, machine.mm, A, 4, RW)
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A, 4), 'ok')
  machine.told()
  change(machine)
  const told = machine.told()
  t.same(machine.close(), [])
  return told
}

t.test('munmap: HMM_MUNMAP', (t) => {
  t.same(
    heard(t, ({ task, mm }) => munmap(task, mm, A + 1, 2)),
    ['0: HMM_MUNMAP 1..2'],
  )
  t.end()
})

t.test('a zap, or anything in doubt: HMM_MIGRATE', (t) => {
  t.same(
    heard(t, ({ task, mm }) => madvise(task, mm, A, 2, ADVICE.dontneed)),
    ['0: HMM_MIGRATE 0..1'],
  )
  t.end()
})

t.test('fork: HMM_FORK', (t) => {
  t.same(
    heard(t, ({ task, mm }) => mmPut(task, fork(task, mm, 2))),
    ['0: HMM_FORK 0..3'],
  )
  t.end()
})

t.test('the pages of a file are cleaned: HMM_WRITE_PROTECT', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  const file = fileArea(task, mm, A, 4, RW | VM_SHARED)
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A, 2), 'ok')
  machine.told()
  t.equal(cleanFile(task, file, 0, 3), 2)
  t.same(machine.told(), ['0: HMM_WRITE_PROTECT 0..0', '0: HMM_WRITE_PROTECT 1..1'])
  t.same(machine.close(), [])
  t.end()
})

t.test('mprotect: by what the area allows now', (t) => {
  const protect = (rights: number) => heard(t, ({ task, mm }) => mprotect(task, mm, A, 2, rights))
  t.same(protect(RO), ['0: HMM_WRITE_PROTECT 0..1'])
  t.same(protect(NONE), ['0: HMM_MUNMAP 0..1'])
  t.same(protect(RW | VM_EXEC), [], 'still writable: nothing')
  t.same(protect(VM_EXEC), ['0: HMM_MUNMAP 0..1'], 'not readable')
  t.end()
})

t.test('mprotect of pages that have no area any more: HMM_MUNMAP', (t) => {
  const gone = (task: Task, mm: Mm, vpn: number) => {
    downRead(task, mmapSem(mm), MMAP_SEM) // as whoever changes areas has it
    const range = rangeInit(task, mm, vpn, vpn, NOTIFY.protectionVma)
    invalidateRangeStart(task, range)
    invalidateRangeEnd(task, range)
    upRead(task, mmapSem(mm))
  }
  t.same(
    heard(t, ({ task, mm }) => {
      gone(task, mm, A - 1)
      gone(task, mm, A + 4)
    }),
    ['0: HMM_MUNMAP -1..-1', '0: HMM_MUNMAP 4..4'],
    'before the only area, and behind it',
  )
  t.end()
})

/** Reasons that nothing here gives for these four pages: a window is opened by hand. */
for (const [reason, told] of [
  ['softDirty', 'HMM_WRITE_PROTECT'],
  ['migrate', 'HMM_MIGRATE'],
  ['exclusive', 'HMM_MIGRATE'],
  ['release', 'HMM_MUNMAP'],
] as const) {
  t.test(`the reason ${reason}: ${told}`, (t) => {
    const open = ({ task, mm }: EventMachine) => {
      const range = rangeInit(task, mm, A, A + 1, NOTIFY[reason])
      invalidateRangeStart(task, range)
      invalidateRangeEnd(task, range)
    }
    t.same(heard(t, open), [`0: ${told} 0..1`])
    t.end()
  })
}

t.test('a 2 MiB entry that is split: HMM_MIGRATE, where 2016 said HMM_MUNMAP', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  hugeArea(task, mm, A, 512, RW)
  store(task, A, 1)
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A, 4), 'ok')
  machine.told()
  mprotect(task, mm, A, 1, RO)
  t.same(machine.told(), ['0: HMM_MIGRATE 0..511', '0: HMM_WRITE_PROTECT 0..0'])
  t.same(machine.close(), [])
  t.end()
})

t.test('the end of an invalidation says nothing', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 4, RW)
  const range = rangeInit(task, mm, A, A + 3, NOTIFY.clear)
  invalidateRangeStart(task, range)
  t.same(machine.told(), ['0: HMM_MIGRATE 0..3'])
  invalidateRangeEnd(task, range)
  t.same(machine.told(), [])
  t.same(machine.close(), [])
  t.end()
})
