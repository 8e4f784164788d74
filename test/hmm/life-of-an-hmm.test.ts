/** Who holds an hmm, when is it gone, and what is a range when several invalidations run? */
import t from 'tap'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { hmmLookup, hmmMirrorRegister, hmmMirrorUnregister, hmmPut, hmmRefs, NO_HMM } from '../../shared/hmm/hmm.ts'
import {
  hmmMirrorMmDownRead,
  hmmMirrorMmIsAlive,
  hmmMirrorMmUpRead,
  hmmRangeRegister,
  hmmRangeUnregister,
} from '../../shared/hmm/hmmrange.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { createRange, freeRange, type Range } from '../../shared/hmm/range.ts'
import { RANGE_STATE, rangeState } from '../../shared/hmm/rangestate.ts'
import { EINVAL } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import { mmapSem } from '../../shared/notifier/mmhead.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { isHeld } from '../../shared/sync/held.ts'
import { downWrite, upWrite } from '../../shared/sync/rwsem.ts'
import { A, area, newSpace, RW } from '../support/addressspace.ts'
import { recordingDriver } from '../support/mirrored.ts'
import { FORMAT, type Ranged, ranged, V } from '../support/ranged.ts'
import { solo } from '../support/solo.ts'

/** References of the mm's hmm, without the one that looking takes; null if there is none. */
function refs(r: Pick<Ranged, 'task' | 'mm'>): number | null {
  const hmm = hmmLookup(r.task, r.mm)
  if (hmm === NO_HMM) return null
  const count = hmmRefs(r.task, hmm)
  hmmPut(r.task, hmm)
  return count - 1
}

t.test('one reference for each mirror and each registered range; the last one frees it', (t) => {
  const { task, leftovers } = solo({ era: 'range-valid', drivers: [recordingDriver(), recordingDriver()] })
  const mm = newSpace(task)
  const r = { task, mm }
  t.equal(refs(r), null, 'no mirror, no hmm')
  const first = attachDevice(task, 0, mm) as Mirror
  const hmm = hmmLookup(task, mm)
  hmmPut(task, hmm)
  const second = attachDevice(task, 1, mm) as Mirror
  const range = createRange(task, 1, FORMAT)
  t.equal(refs(r), 2)
  hmmRangeRegister(task, range, first, A, A + 1)
  t.equal(refs(r), 3)
  detachDevice(task, first)
  t.equal(refs(r), 2, 'the range keeps it without its mirror')
  detachDevice(task, second)
  hmmRangeUnregister(task, range)
  t.equal(refs(r), null)
  const again = attachDevice(task, 0, mm) as Mirror
  t.equal(refs(r), 1, 'and there may be another')
  detachDevice(task, again)
  freeRange(task, range)
  mmPut(task, mm)
  t.same(leftovers(), [])
  t.end()
})

t.test('a mirror is registered once, and unregistering what is not registered is nothing', (t) => {
  const r = ranged()
  const sem = mmapSem(r.mm)
  downWrite(r.task, sem, MMAP_SEM)
  t.equal(hmmMirrorRegister(r.task, r.mirror), -EINVAL)
  upWrite(r.task, sem)
  hmmMirrorUnregister(r.task, r.mirror)
  hmmMirrorUnregister(r.task, r.mirror)
  t.equal(refs(r), null)
  t.same(r.end(), [], 'closing the device finds it done')
  t.end()
})

t.test('taking mmap_sem of a mirror: 0 and held while it is alive; -EINVAL and not held after', (t) => {
  const r = ranged()
  t.equal(hmmMirrorMmIsAlive(r.task, r.mirror), true)
  t.equal(hmmMirrorMmDownRead(r.task, r.mirror), 0)
  t.equal(isHeld(r.task, mmapSem(r.mm)), true)
  hmmMirrorMmUpRead(r.task, r.mirror)
  mmPut(r.task, r.mm)
  t.equal(hmmMirrorMmIsAlive(r.task, r.mirror), false)
  t.equal(hmmMirrorMmDownRead(r.task, r.mirror), -EINVAL)
  t.equal(isHeld(r.task, mmapSem(r.mm)), false)
  t.same(r.endWithoutMm(), [])
  t.end()
})

t.test('release with live ranges: they are never valid again, and every driver is told', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 1, RW)
  r.register(A, 1)
  r.fault({ flags: V })
  t.equal(r.valid(), true)
  r.release()
  t.equal(r.valid(), false)
  t.equal(r.state(), 'invalid')
  t.equal(r.told.at(-1), 'release')
  t.equal(r.wait(1000), false, 'at once')
  t.same(r.end(), [])
  t.end()
})

t.test('an update spoils what it touches; everything may be filled again when the last one has ended', (t) => {
  const r = ranged()
  const third = r.third
  const start = (task: typeof r.task, first: number, last: number) => {
    const range = rangeInit(task, r.mm, A + first, A + last, NOTIFY.clear)
    invalidateRangeStart(task, range)
    return () => invalidateRangeEnd(task, range)
  }
  const ranges: Range[] = []
  const register = (first: number, pages: number) => {
    const range = createRange(r.task, pages, FORMAT)
    ranges.push(range)
    t.equal(hmmRangeRegister(r.task, range, r.mirror, A + first, A + first + pages), 0)
  }
  const states = () => ranges.map((range) => (rangeState(r.task, range) === RANGE_STATE.valid ? 'valid' : 'invalid'))
  register(0, 10)
  register(20, 10)
  t.same(states(), ['valid', 'valid'])
  const endA = start(r.second, 5, 7)
  t.same(states(), ['invalid', 'valid'])
  const endB = start(third, 25, 25)
  t.same(states(), ['invalid', 'invalid'])
  endA()
  t.same(states(), ['invalid', 'invalid'], 'still')
  register(50, 10)
  t.same(states(), ['invalid', 'invalid', 'invalid'], 'though nothing overlaps the third')
  endB()
  t.same(states(), ['valid', 'valid', 'valid'])
  const endC = start(r.second, 10, 19)
  t.same(states(), ['valid', 'valid', 'valid'], 'what ends where a range begins does not touch it')
  endC()
  for (const range of ranges) {
    hmmRangeUnregister(r.task, range)
    freeRange(r.task, range)
  }
  t.same(r.end(), [])
  t.end()
})
