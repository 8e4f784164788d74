/**
 * Discard: a driver is done with a range of a mirror. Entries go, dirty bits go to their frames, directories die at once; the CPU's
 * page table stays, and nobody is told. And what else ends the keeping of a mirror's directories: munmap, close, exit.
 */
import t from 'tap'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { DEVICE_ACCESS } from '../../shared/device/faultbuffer.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import svm from '../../shared/drivers/svm.ts'
import { FRAME_DIRTY, frameClearFlags, frameFlags } from '../../shared/frame/frames.ts'
import { keptCount } from '../../shared/hmm/kept.ts'
import { type Mirror, mirrorLock, mirrorRoot, mirrorUnlock } from '../../shared/hmm/mirror.ts'
import { mirrorValid } from '../../shared/hmm/mirrorpte.ts'
import { mirrorIterator, mirrorMarkDirty } from '../../shared/hmm/mirrortable.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { readStat } from '../../shared/seam/stats.ts'
import { ACTOR_COUNT_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, entries, frameOf, newSpace, RW, watchEvents } from '../support/addressspace.ts'
import { type Solo, type SoloOptions, solo, violationOf } from '../support/solo.ts'

interface Setting extends Solo {
  readonly mm: Mm
  readonly mirror: Mirror
  /** The device's service serves a write fault. */
  fault(vpn: number): number
  /** Which of these pages have an entry in the mirror. */
  mirrored(vpns: readonly number[]): number[]
  locked<R>(run: () => R): R
  kept(): number
  made(): number
  end(): void
}

/** One svm device that mirrors one process with two leaf directories' worth of private memory. */
function setting(options: SoloOptions = {}): Setting {
  const machine = solo({ drivers: [svm], ...options })
  const { task } = machine
  const mm = newSpace(task)
  area(task, mm, A, 1024, RW)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const locked = <R>(run: () => R): R => {
    mirrorLock(task, mirror)
    const result = run()
    mirrorUnlock(task, mirror)
    return result
  }
  return {
    ...machine,
    mm,
    mirror,
    locked,
    fault: (vpn) => boundDriver(task, 0).serviceFault(mirror, { vpn, access: DEVICE_ACCESS.write, stamp: 0 }),
    mirrored: (vpns) => {
      const iterator = mirrorIterator(task, mirror)
      const found = vpns.filter((vpn) => mirrorValid(boundDriver(task, 0).dev.entry(iterator, vpn)))
      iterator.finish()
      return found
    },
    kept: () => keptCount(task, mirrorRoot(task, mirror)),
    made: () => readStat(task.words, task.words[ACTOR_COUNT_AT] as number, 'mirrorDirectories'),
    end: () => {
      detachDevice(task, mirror)
      switchMm(task, NO_MM)
      mmPut(task, mm)
    },
  }
}

function discard(task: Task, { mirror, locked }: Setting, start: number, last: number): void {
  locked(() => boundDriver(task, 0).dev.discard(mirror, start, last))
}

t.test("entries of the range go, the others stay, and so does the CPU's page table", (t) => {
  const the = setting()
  const pages = [A, A + 1, A + 2, A + 600]
  for (const vpn of pages) t.equal(the.fault(vpn), 0)
  t.same(the.mirrored(pages), pages)
  const before = entries(the.task, the.mm, A, 3)
  discard(the.task, the, A + 1, A + 599)
  t.same(the.mirrored(pages), [A, A + 600])
  t.same(entries(the.task, the.mm, A, 3), before)
  t.equal(the.fault(A + 1), 0, 'a later access faults, and is served')
  t.same(the.mirrored(pages), [A, A + 1, A + 600])
  the.end()
  t.same(the.leftovers(), [])
  t.end()
})

t.test('dirty bits go to their frames', (t) => {
  const the = setting()
  const { task, mm, mirror } = the
  madvise(task, mm, A, 1024, ADVICE.nohugepage) // the flag is one of a whole block
  for (const vpn of [A, A + 1]) the.fault(vpn)
  const iterator = mirrorIterator(task, mirror)
  mirrorMarkDirty(task, iterator, A)
  iterator.finish()
  const dirty = (vpn: number) => (frameFlags(task, frameOf(task, mm, vpn)) & FRAME_DIRTY) !== 0
  for (const vpn of [A, A + 1]) frameClearFlags(task, frameOf(task, mm, vpn), FRAME_DIRTY) // as a page that was written out
  discard(task, the, A, A + 1)
  t.same([dirty(A), dirty(A + 1)], [true, false])
  the.end()
  t.same(the.leftovers(), [])
  t.end()
})

t.test('nobody is told: no event, no callback of another subscriber', (t) => {
  const the = setting()
  const watcher = watchEvents(the.task, the.mm)
  the.fault(A)
  watcher.take()
  discard(the.task, the, A, A + 1023)
  t.same(watcher.take(), [])
  munmap(the.task, the.mm, A, 1)
  t.ok(watcher.take().includes('unmap 0..0'), 'which would hear of an munmap')
  watcher.stop()
  the.end()
  t.same(the.leftovers(), [])
  t.end()
})

t.test('without the update lock it is refused', (t) => {
  const the = setting()
  t.match(
    violationOf(() => boundDriver(the.task, 0).dev.discard(the.mirror, A, A)),
    /update lock/,
  )
  t.end()
})

const delayed = { mirrorReclaim: 'delayed' } as const

t.test('on a machine that keeps directories, an event keeps them, and discard does not', (t) => {
  const the = setting(delayed)
  the.fault(A)
  const made = the.made()
  for (let i = 0; i < 10; i++) {
    madvise(the.task, the.mm, A, 4, ADVICE.dontneed)
    t.equal(the.kept(), 1)
    t.equal(the.fault(A), 0)
  }
  t.equal(the.made(), made, 'no directory was made meanwhile')
  madvise(the.task, the.mm, A, 4, ADVICE.dontneed)
  discard(the.task, the, A + 100, A + 100)
  t.equal(the.kept(), 0)
  the.fault(A)
  t.ok(the.made() > made)
  the.end()
  t.same(the.leftovers(), [])
  t.end()
})

for (const era of ERAS_THERE)
  t.test(`munmap of a part keeps them, of the whole does not (era ${era})`, (t) => {
    const the = setting({ ...delayed, era })
    for (const vpn of [A, A + 512]) the.fault(vpn)
    munmap(the.task, the.mm, A, 511)
    t.equal(the.kept(), 1, 'a page of the directory may still be used')
    munmap(the.task, the.mm, A + 511, 513)
    t.equal(the.kept(), 1, 'the second directory goes, of the first one page')
    munmap(the.task, the.mm, A, 512)
    t.equal(the.kept(), 1, 'nothing was mapped there any more, so nobody was told')
    the.end()
    t.same(the.leftovers(), [], 'closing the device ends it')
    t.end()
  })

t.test('exit of the address space ends it', (t) => {
  const the = setting(delayed)
  the.fault(A)
  madvise(the.task, the.mm, A, 4, ADVICE.dontneed)
  t.equal(the.kept(), 1)
  switchMm(the.task, NO_MM)
  mmPut(the.task, the.mm)
  t.equal(the.kept(), 0)
  detachDevice(the.task, the.mirror)
  t.same(the.leftovers(), [])
  t.end()
})
