/**
 * In which order do start, callbacks, change of entries, end, TLB flush and free follow each other, for each operation? Two
 * facts matter: devices are stopped before any entry changes; and frames go back only after the end *and* the flush, which
 * may itself come after the end.
 *
 * A line of the journal is STEP and the entries of the pages at that moment; `flushed` when the CPU's TLBs were flushed
 * since the line before.
 */
import t from 'tap'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmFlushGen } from '../../shared/mm/mm.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { eventName } from '../../shared/notifier/events.ts'
import { type Mm, mmapSem } from '../../shared/notifier/mmhead.ts'
import type { NotifierRange } from '../../shared/notifier/windows.ts'
import { rangeEvent, rangeLast, rangeStart } from '../../shared/notifier/windows.ts'
import { quietLoad } from '../../shared/seam/atomics.ts'
import { listen } from '../../shared/seam/probe.ts'
import type { Task } from '../../shared/seam/task.ts'
import { isHeld } from '../../shared/sync/held.ts'
import { A, area, entries, fileArea, load, newSpace, RO, RW, store, watchEvents } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

/** Writes down what happens to pages A and A + 1 of `mm`, which one subscriber watches; callbacks say how mmap_sem is held. */
function journal(task: Task, mm: Mm): { lines: string[]; stop(): void } {
  const lines: string[] = []
  let flushes = quietLoad(task, mmFlushGen(mm))
  const note = (step: string) => {
    const now = quietLoad(task, mmFlushGen(mm))
    lines.push(`${step}: ${entries(task, mm, A, 2).join(' ')}${now === flushes ? '' : ', flushed'}`)
    flushes = now
  }
  listen(task, 'window', (t, range, open) => {
    const at = range as NotifierRange
    if (open === 1) note(`start ${eventName(rangeEvent(t, at))} ${rangeStart(t, at) - A}..${rangeLast(t, at) - A}`)
    else note('end')
  })
  listen(task, 'frameFree', () => note('free'))
  const sem = mmapSem(mm)
  const held = () => (isHeld(task, sem, false) ? 'write' : isHeld(task, sem) ? 'read' : 'not')
  const watcher = watchEvents(task, mm, A, A + 1, () => {
    note(`told, mmap_sem ${held()}`)
    return ''
  })
  return { lines, stop: watcher.stop }
}

/** A and A + 1 written, in one area of 4 pages. */
function twoPages(task: Task): Mm {
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  store(task, A, 1)
  store(task, A + 1, 2)
  return mm
}

t.test('munmap: mmap_sem downgraded, zapped between start and end, flushed and freed after it', async (t) => {
  const { task, leftovers } = solo()
  const mm = twoPages(task)
  const { lines, stop } = journal(task, mm)
  munmap(task, mm, A, 3)
  t.same(lines, ['start unmap 0..2: rw rw', 'told, mmap_sem read: rw rw', 'end: - -', 'free: - -, flushed', 'free: - -'])
  stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a fixed mapping over others: the same, but mmap_sem stays held for writing', async (t) => {
  const { task, leftovers } = solo()
  const mm = twoPages(task)
  const { lines, stop } = journal(task, mm)
  area(task, mm, A + 1, 1, RO)
  t.same(lines, ['start unmap 1..1: rw rw', 'told, mmap_sem write: rw rw', 'end: rw -', 'free: rw -, flushed'])
  stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontneed: as munmap, with CLEAR and mmap_sem held for reading all the time', async (t) => {
  const { task, leftovers } = solo()
  const mm = twoPages(task)
  const { lines, stop } = journal(task, mm)
  madvise(task, mm, A, 1, ADVICE.dontneed)
  t.same(lines, ['start clear 0..0: rw rw', 'told, mmap_sem read: rw rw', 'end: - rw', 'free: - rw, flushed'])
  stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontneed of a dirty shared page flushes before the end: nobody may still write what was found dirty', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, 2, RW | VM_SHARED)
  store(task, A, 1)
  const { lines, stop } = journal(task, mm)
  madvise(task, mm, A, 2, ADVICE.dontneed)
  t.same(lines, ['start clear 0..1: rw -', 'told, mmap_sem read: rw -', 'end: - -, flushed'])
  stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('mprotect: entries change between start and end, the flush comes after it', async (t) => {
  const { task, leftovers } = solo()
  const mm = twoPages(task)
  const { lines, stop } = journal(task, mm)
  mprotect(task, mm, A, 2, RO)
  t.same(lines, ['start protectionVma 0..1: rw rw', 'told, mmap_sem write: rw rw', 'end: ro ro'])
  lines.length = 0
  mprotect(task, mm, A, 2, RW)
  t.same(
    lines,
    ['start protectionVma 0..1: ro ro, flushed', 'told, mmap_sem write: ro ro', 'end: rw rw'],
    'the first call flushed at its end, the second took nothing away',
  )
  stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a move: cleared, set and flushed inside the pair; the old area follows with a pair of its own', async (t) => {
  const { task, leftovers } = solo()
  const mm = twoPages(task)
  const { lines, stop } = journal(task, mm)
  mremap(task, mm, A, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, A + 100)
  t.same(lines, [
    'start unmap 0..3: rw rw',
    'told, mmap_sem write: rw rw',
    'end: - -, flushed',
    'start unmap 0..3: - -',
    'told, mmap_sem write: - -',
    'end: - -',
  ])
  stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('fork: write-protected between start and end, one flush after all areas', async (t) => {
  const { task, leftovers } = solo()
  const mm = twoPages(task)
  area(task, mm, A + 50, 1, RW)
  store(task, A + 50, 1)
  const { lines, stop } = journal(task, mm)
  const child = fork(task, mm, 2)
  t.same(lines, [
    'start protectionPage 0..3: rw rw',
    'told, mmap_sem write: rw rw',
    'end: ro ro',
    'start protectionPage 50..50: ro ro',
    'end: ro ro',
  ])
  t.equal(quietLoad(task, mmFlushGen(mm)), 1, 'the flush came last')
  stop()
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('copy-on-write: copied before the start, cleared, flushed and set inside, the old frame put after the end', async (t) => {
  const { task, leftovers } = solo()
  const mm = twoPages(task)
  const child = fork(task, mm, 2)
  const { lines, stop } = journal(task, mm)
  store(task, A, 5)
  t.same(lines, ['start clear 0..0: ro ro', 'told, mmap_sem read: ro ro', 'end: rw ro, flushed'])
  stop()
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a write to the page of zeros goes the same way', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  load(task, A)
  const { lines, stop } = journal(task, mm)
  store(task, A, 5)
  t.same(lines, ['start clear 0..0: 0 -', 'told, mmap_sem read: 0 -', 'end: rw -, flushed'])
  stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('exit: RELEASE with everything in place and no lock held, then the unmap of everything', async (t) => {
  const { task, leftovers } = solo()
  const mm = twoPages(task)
  const { lines, stop } = journal(task, mm)
  mmPut(task, mm)
  t.same(lines, [
    `start release ${-A}..${0xffffffff - A}: rw rw`,
    'told, mmap_sem not: rw rw',
    'end: rw rw',
    'start unmap 0..3: rw rw',
    'told, mmap_sem write: rw rw',
    'end: - -',
    'free: - -, flushed',
    'free: - -',
  ])
  stop()
  t.same(leftovers(), [])
})

t.test('first touch, reuse of a frame that is the only user’s, faults on files: no event at all', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  const { lines, stop } = journal(task, mm)
  store(task, A, 1)
  load(task, A + 1)
  mmPut(task, fork(task, mm, 2))
  lines.length = 0
  t.equal(entries(task, mm, A, 1)[0], 'ro')
  store(task, A, 2)
  t.equal(entries(task, mm, A, 1)[0], 'rw')
  fileArea(task, mm, A + 16, 2, RW | VM_SHARED)
  load(task, A + 16)
  store(task, A + 16, 1)
  t.same(lines, [])
  stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})
