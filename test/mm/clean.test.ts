/** Cleaning the pages of a file: who loses what, who is told, and is any write forgotten that comes at the same moment? */
import t from 'tap'
import { FRAME_DIRTY, frameFlags } from '../../shared/frame/frames.ts'
import { cleanFile } from '../../shared/mm/clean.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { PTE_DIRTY } from '../../shared/mm/pte.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import {
  A,
  entries,
  fileArea,
  frameOf,
  load,
  NONE,
  newSpace,
  RW,
  store,
  watchEvents,
  wrongCounts,
} from '../support/addressspace.ts'
import { everyPreemption } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

const B = A + 0x1000
const SHARED = RW | VM_SHARED

/** Does anything say that page `vpn` was written since it was cleaned? */
function isDirty(task: Task, mm: Mm, vpn: number): boolean {
  return (cpuEntry(task, mm, vpn) & PTE_DIRTY) !== 0 || (frameFlags(task, frameOf(task, mm, vpn)) & FRAME_DIRTY) !== 0
}

t.test(
  'every shared mapping loses the right to write, until it writes again; private copies do not, and nobody else is told',
  (t) => {
    const { task, other, leftovers } = solo()
    const mm = newSpace(task)
    const file = fileArea(task, mm, A, 4, SHARED)
    t.equal(mmap(task, mm, B, 4, RW, PLACE_FIXED, file), B)
    const cpu1 = other(1)
    const second = newSpace(cpu1, 2)
    t.equal(mmap(cpu1, second, A, 4, SHARED, PLACE_FIXED, file), A)
    for (const i of [0, 1]) store(task, A + i, i + 1)
    store(cpu1, A, 5)
    store(task, B, 9)
    load(task, B + 1)
    const watchers = [watchEvents(task, mm), watchEvents(task, second)]
    t.equal(cleanFile(task, file, 0, 0), 1)
    t.same(
      watchers.map((watcher) => watcher.take()),
      [['protectionPage 0..0'], ['protectionPage 0..0']],
    )
    t.same([entries(task, mm, A, 2), entries(task, second, A, 1), entries(task, mm, B, 2)], [['ro', 'rw'], ['ro'], ['rw', 'ro']])
    t.same([isDirty(task, mm, A), isDirty(task, second, A), isDirty(task, mm, A + 1)], [false, false, true])
    t.same([load(task, A), load(cpu1, A)], [5, 5], 'reads go on')
    t.equal(store(cpu1, A, 6), 'ok')
    t.same([isDirty(task, mm, A), isDirty(task, second, A), entries(task, mm, A, 1)[0]], [false, true, 'ro'])
    t.equal(cleanFile(task, file, 0, 3), 2)
    t.equal(cleanFile(task, file, 0, 3), 0, 'all clean')
    t.equal(load(task, A), 6)
    t.same(wrongCounts(task, mm, second), [])
    for (const watcher of watchers) watcher.stop()
    mmPut(task, mm)
    mmPut(cpu1, second)
    t.same(leftovers(), [])
    t.end()
  },
)

t.test('what an area without rights has kept of a write counts as well', (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 1, SHARED)
  load(task, A)
  t.equal(cleanFile(task, file, 0, 0), 1, 'a new page of zeros is not stored yet')
  store(task, A, 3)
  mprotect(task, mm, A, 1, NONE)
  t.equal(cleanFile(task, file, 0, 0), 1)
  mprotect(task, mm, A, 1, RW)
  t.notOk(isDirty(task, mm, A))
  t.equal(load(task, A), 3)
  mmPut(task, mm)
  t.same(leftovers(), [])
  t.end()
})

for (const first of ['the cleaning', 'the write'] as const) {
  t.test(`a write that meets a cleaning is found by it or by the next one: ${first} is interrupted`, (t) => {
    let early = 0
    const schedules = everyPreemption(() => {
      const { task, other, leftovers } = solo()
      const mm = newSpace(task)
      const cpu1 = other(1)
      const file = fileArea(task, mm, A, 1, SHARED)
      load(task, A)
      cleanFile(task, file, 0, 0)
      let found = 0
      const clean = () => {
        found = cleanFile(cpu1, file, 0, 0)
      }
      const write = () => void store(task, A, 8)
      const check = () => {
        const later = cleanFile(task, file, 0, 0)
        if (found + later < 1) throw new Error('the write is forgotten')
        early += found
        if (load(task, A) !== 8) throw new Error('the write is lost')
        mmPut(task, mm)
        const wrong = leftovers()
        if (wrong.length > 0) throw new Error(wrong.join('; '))
      }
      return first === 'the cleaning'
        ? { first: cpu1, run: clean, second: task, meanwhile: write, check }
        : { first: task, run: write, second: cpu1, meanwhile: clean, check }
    })
    t.ok(schedules > 5 && early > 0 && early < schedules, `${early} of ${schedules} times by this one`)
    t.end()
  })
}
