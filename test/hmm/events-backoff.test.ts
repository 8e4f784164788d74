/**
 * Who gives way when a device fault and a change of its pages meet? The CPU always wins (section 2.7 of 2016's rules). Step by step on
 * one thread: the change comes when the fault has just filled an entry.
 */
import t from 'tap'
import {
  HMM_DEVICE_READ_FAULT,
  HMM_DEVICE_WRITE_FAULT,
  HMM_MIGRATE,
  type HmmEvent,
  hmmEventInit,
} from '../../shared/hmm/event.ts'
import type { Hmm } from '../../shared/hmm/eventhmm.ts'
import { type Mirror, mirrorEventHmm } from '../../shared/hmm/mirror.ts'
import { hmmUpdate } from '../../shared/hmm/update.ts'
import { rangeInactive } from '../../shared/notifier/active.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart, invalidateRangeStartNonblock } from '../../shared/notifier/invalidate.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { listen } from '../../shared/seam/probe.ts'
import { readStat } from '../../shared/seam/stats.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, RW, store } from '../support/addressspace.ts'
import { type EventMachine, eventMachine } from '../support/eventmachine.ts'

/** Runs `change`, as cpu 1, once: when the fault has filled its first entry. */
function whileFilling({ solo, task }: EventMachine, change: (cpu1: Task) => void): void {
  let done = false
  listen(task, 'mirrorInstall', () => {
    if (done) return
    done = true
    change(solo.other(1))
  })
}

function stat(task: Task, name: 'retries' | 'retriesByOthers' | 'longestRetryChain'): number {
  return readStat(task.words, 8, name)
}

function hmmOf({ task, mirrors }: EventMachine): Hmm {
  return mirrorEventHmm(task, mirrors[0] as Mirror) as Hmm
}

function change(start: number, end: number, blockable: boolean): HmmEvent {
  return hmmEventInit(start, end, HMM_MIGRATE, blockable) as HmmEvent
}

t.test('a change of the same pages: the fault does not publish, and begins again', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  const told: boolean[] = []
  // It may not wait, so it is refused; the fault was told all the same.
  whileFilling(machine, (cpu1) => told.push(hmmUpdate(cpu1, hmmOf(machine), change(A, A + 1, false))))
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  t.same(told, [false])
  t.same(machine.told(), ['0: HMM_DEVICE_WRITE_FAULT 0..0'], 'published once')
  t.same([stat(task, 'retries'), stat(task, 'retriesByOthers'), stat(task, 'longestRetryChain')], [1, 1, 1])
  t.same(machine.close(), [])
  t.end()
})

t.test('a change of other pages passes at once, and sends nobody back', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 4, RW)
  store(task, A + 1, 1)
  const told: boolean[] = []
  whileFilling(machine, (cpu1) => {
    // In other tables than A+1: that one is locked at this moment.
    told.push(hmmUpdate(cpu1, hmmOf(machine), change(A - 1, A, true)))
    told.push(hmmUpdate(cpu1, hmmOf(machine), change(A + 512, A + 514, true)))
  })
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A + 1), 'ok')
  t.same(told, [true, true])
  t.same(machine.told(), ['0: HMM_MIGRATE -1..-1', '0: HMM_MIGRATE 512..513', '0: HMM_DEVICE_READ_FAULT 1..1'])
  t.equal(stat(task, 'retries'), 0)
  t.same(machine.close(), [])
  t.end()
})

t.test('a start that may not wait for a fault in progress is refused, and leaves no window open', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  const answers: number[] = []
  whileFilling(machine, (cpu1) => {
    const range = rangeInit(cpu1, mm, A, A, NOTIFY.unmap)
    answers.push(invalidateRangeStartNonblock(cpu1, range))
  })
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A), 'ok')
  t.same(answers, [-11])
  t.ok(rangeInactive(task, mm, A, A))
  const range = rangeInit(task, mm, A, A, NOTIFY.unmap)
  t.equal(invalidateRangeStartNonblock(task, range), 0, 'with no fault in progress it is not')
  t.equal(machine.entry(0, A), '-')
  invalidateRangeEnd(task, range)
  t.same(machine.close(), [])
  t.end()
})

t.test('what is active: from start to end, the pages of the range, this address space', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  const active = (first: number, last: number) => !rangeInactive(task, mm, A + first, A + last)
  const range = rangeInit(task, mm, A + 2, A + 3, NOTIFY.clear)
  t.notOk(active(0, 9), 'not before it starts')
  invalidateRangeStart(task, range)
  t.same([active(0, 1), active(0, 2), active(3, 3), active(3, 9), active(4, 9)], [false, true, true, true, false])
  const inner = rangeInit(task, mm, A + 8, A + 8, NOTIFY.clear)
  invalidateRangeStart(task, inner)
  t.ok(active(8, 8))
  invalidateRangeEnd(task, inner)
  t.same([active(8, 8), active(2, 2)], [false, true])
  invalidateRangeEnd(task, range)
  t.notOk(active(0, 9))
  t.same(machine.close(), [])
  t.end()
})
