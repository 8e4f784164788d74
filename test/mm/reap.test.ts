/** What does the OOM reaper take without waiting, and what does it leave to others? */
import t from 'tap'
import { mmPut } from '../../shared/mm/exit.ts'
import { reapRange } from '../../shared/mm/reap.ts'
import { mmapSem } from '../../shared/notifier/mmhead.ts'
import { activeInvalidations } from '../../shared/notifier/subscriptions.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downWrite, upWrite } from '../../shared/sync/rwsem.ts'
import { A, area, entries, fileArea, load, newSpace, RW, store, wrongCounts } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'
import { recordCalls, subscribe, unsubscribe } from '../support/subscriber.ts'

t.test('private memory goes, shared memory stays', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  fileArea(task, mm, A + 8, 2, RW | 8)
  for (const page of [0, 1, 8]) store(task, A + page, 5)
  t.equal(reapRange(task, mm, A, 64), 0)
  t.same(entries(task, mm, A, 2), ['-', '-'])
  t.equal(load(task, A), 0)
  t.equal(load(task, A + 8), 5)
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a subscriber refuses one area: it keeps its pages, the next area goes, and no invalidation stays open', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  area(task, mm, A + 8, 2, RW)
  for (const page of [0, 8]) store(task, A + page, 5)
  let busy = true
  recordCalls([task], () => !busy)
  const sub = subscribe(task, mm, A, A)
  t.equal(reapRange(task, mm, A, 64), -11)
  t.same([entries(task, mm, A, 1), entries(task, mm, A + 8, 1)], [['rw'], ['-']])
  t.equal(activeInvalidations(task, mm), 0)
  busy = false
  t.equal(reapRange(task, mm, A, 64), 0)
  t.same(entries(task, mm, A, 1), ['-'])
  unsubscribe(task, sub)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('an address space whose mmap_sem is taken is left alone', async (t) => {
  const { task, other, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  store(task, A, 5)
  const cpu1 = other(1)
  downWrite(cpu1, mmapSem(mm), MMAP_SEM)
  t.equal(reapRange(task, mm, A, 2), -11)
  upWrite(cpu1, mmapSem(mm))
  t.same(entries(task, mm, A, 1), ['rw'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})
