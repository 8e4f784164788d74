/** A NUMA hint: the entry is there and may not be used, until a touch gives it back as it was. */
import t from 'tap'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { numaHint } from '../../shared/mm/numahint.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { NO_MM } from '../../shared/notifier/mmhead.ts'
import {
  A,
  area,
  entries,
  entry,
  hugeArea,
  load,
  NONE,
  newSpace,
  RO,
  RW,
  store,
  watchEvents,
  wrongCounts,
} from '../support/addressspace.ts'
import { everyPreemption } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

t.test('hidden, with an event; a touch brings the entry back with the rights it may have', (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 6, RW)
  for (const i of [0, 1, 2, 3]) store(task, A + i, i + 1)
  load(task, A + 4)
  mprotect(task, mm, A + 2, 1, RO)
  mprotect(task, mm, A + 3, 1, NONE)
  const watcher = watchEvents(task, mm)
  numaHint(task, mm, A, A + 5)
  t.same(watcher.take(), ['protectionVma 0..1', 'protectionVma 2..2', 'protectionVma 4..5'])
  t.same(entries(task, mm, A, 6), ['none', 'none', 'none', 'none', '0', '-'])
  t.same([load(task, A), store(task, A + 1, 7), load(task, A + 2), store(task, A + 2, 9)], [1, 'ok', 3, 'segv'])
  t.equal(load(task, A + 3), 'segv', 'an area without rights stays one')
  t.same(entries(task, mm, A, 6), ['rw', 'rw', 'ro', 'none', '0', '-'])
  t.same(watcher.take(), [], 'more rights are no event')
  t.same(wrongCounts(task, mm), [])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
  t.end()
})

t.test('a page that is shared after a fork comes back read-only, and is copied by the write', (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  const child = fork(task, mm, 2)
  numaHint(task, mm, A, A)
  t.equal(store(task, A, 2), 'ok')
  switchMm(task, child)
  t.equal(load(task, A), 1)
  switchMm(task, mm)
  t.equal(load(task, A), 2)
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
  t.end()
})

t.test('2 MiB: hidden whole, or split for a part', (t) => {
  const { task, leftovers } = solo({ bytes: 32 * 1024 * 1024 })
  const mm = newSpace(task)
  hugeArea(task, mm, A, 512, RW)
  store(task, A, 1)
  numaHint(task, mm, A, A + 511)
  t.equal(entry(task, mm, A), 'huge none')
  t.equal(load(task, A), 1)
  t.equal(entry(task, mm, A), 'huge rw')
  numaHint(task, mm, A + 5, A + 5)
  t.same(entries(task, mm, A + 4, 3), ['rw', 'none', 'rw'])
  t.equal(store(task, A + 5, 2), 'ok')
  mmPut(task, mm)
  t.same(leftovers(), [])
  t.end()
})

t.test('a store that meets the hint is not lost, and neither is its mark', (t) => {
  const schedules = everyPreemption(() => {
    const { task, other, leftovers } = solo()
    const mm = newSpace(task)
    const cpu1 = other(1)
    switchMm(cpu1, mm)
    area(task, mm, A, 1, RW)
    load(task, A)
    store(task, A, 1)
    return {
      first: cpu1,
      run: () => numaHint(cpu1, mm, A, A),
      second: task,
      meanwhile: () => void store(task, A, 8),
      check: () => {
        const wrong = [...wrongCounts(task, mm)]
        if (load(task, A) !== 8) wrong.push(`the other stored 8, and here is ${load(task, A)}`)
        switchMm(cpu1, NO_MM)
        mmPut(task, mm)
        wrong.push(...leftovers())
        if (wrong.length > 0) throw new Error(wrong.join('; '))
      },
    }
  })
  t.ok(schedules > 5, `${schedules} schedules`)
  t.end()
})
