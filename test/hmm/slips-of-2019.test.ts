/**
 * What the ranges of 2019 got wrong when they shipped, row by row (section 4.9), and what is right. Rows that other files ask about: 7, 9
 * and 11 return-codes-of-2019, 10 what-the-walk-writes, 13 old-names, 17 what-a-request-means. Row 3 needs threads that come at the worst moment: an-hmm-ends-once.
 */
import t from 'tap'
import { detachDevice } from '../../shared/device/attach.ts'
import { hmmLookup, hmmNotifiers, hmmPut, lockHmm, unlockHmm } from '../../shared/hmm/hmm.ts'
import { EAGAIN, EBUSY, EPERM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { VM_HUGETLB } from '../../shared/mm/vma.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStartNonblock } from '../../shared/notifier/invalidate.ts'
import { mmUsers } from '../../shared/notifier/mmhead.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { MIRRORS_SEM } from '../../shared/sync/classes.ts'
import { downWrite, rwsemIsHeld, upWrite } from '../../shared/sync/rwsem.ts'
import { A, area, load, RO, RW, store } from '../support/addressspace.ts'
import { atEveryPoint, sleeps } from '../support/interleave.ts'
import { recordingDriver } from '../support/mirrored.ts'
import { ALL, type Ranged, ranged, V, W } from '../support/ranged.ts'

/** A range over `pages` pages that were written, filled. */
function filled(pages: number): Ranged {
  const r = ranged()
  area(r.task, r.mm, A, pages, RW)
  for (let i = 0; i < pages; i++) store(r.task, A + i, 1)
  r.register(A, pages)
  r.fault({ flags: V })
  return r
}

/** An invalidation that may not block, by another actor. */
function reap(r: Ranged): number {
  const range = rangeInit(r.second, r.mm, A, A, NOTIFY.clear)
  const result = invalidateRangeStartNonblock(r.second, range)
  if (result === 0) invalidateRangeEnd(r.second, range)
  return result
}

/** Invalidations that the hmm thinks are running. */
function running(r: Ranged): number {
  const hmm = hmmLookup(r.task, r.mm)
  const count = hmmNotifiers(r.task, hmm)
  hmmPut(r.task, hmm)
  return count
}

t.test('1: what was filled before an invalidation is not valid after it', (t) => {
  const r = filled(1)
  t.equal(r.valid(), true)
  r.start(A)()
  t.equal(r.state(), 'valid', 'it may be filled again at once')
  t.equal(r.valid(), false)
  r.start(A + 5)()
  r.fault({ flags: V })
  r.start(A + 5)()
  t.equal(r.valid(), true, 'an invalidation of other pages changes nothing')
  t.same(r.end(), [])
  t.end()
})

t.test('1: nor one that begins and ends while the page table is walked', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 2, RW)
  store(r.task, A, 1)
  store(r.task, A + 1, 1)
  const child = fork(r.task, r.mm, 2)
  r.register(A, 2)
  // The copy for page 1 is a start and an end of its own, behind page 0, which is filled already.
  t.equal(r.fault({ mask: ALL, pfns: [V, V | W] }).result, -EBUSY)
  t.equal(r.state(), 'valid')
  t.equal(r.valid(), false)
  mmPut(r.task, child)
  t.same(r.end(), [])
  t.end()
})

t.test('2: a start that is refused leaves no trace, whoever refuses', (t) => {
  const r = filled(1)
  const hmm = hmmLookup(r.task, r.mm)
  lockHmm(r.task, hmm)
  t.equal(reap(r), -EAGAIN, "the hmm's lock is taken")
  unlockHmm(r.task, hmm)
  t.equal(r.valid(), true, 'not even the range was touched')
  downWrite(r.task, hmm, MIRRORS_SEM)
  t.equal(reap(r), -EAGAIN, 'mirrors_sem is taken')
  upWrite(r.task, hmm)
  t.equal(running(r), 0)
  r.willing = false
  t.equal(reap(r), -EAGAIN, 'the driver refuses')
  t.equal(running(r), 0)
  t.equal(r.wait(), true, 'and nobody waits for an end that will not come')
  r.willing = true
  t.equal(reap(r), 0)
  hmmPut(r.task, hmm)
  t.same(r.end(), [])
  t.end()
})

t.test('4: an address space does not end while a range is registered in it', (t) => {
  const r = filled(1)
  mmPut(r.task, r.mm)
  t.equal(mmUsers(r.task, r.mm), 1)
  t.same(r.told.splice(0), [], 'nobody was told of an end')
  t.equal(r.fault({ flags: V }).result, 1, 'and it can be filled')
  r.unregister()
  t.same(r.told.at(-1), 'release')
  t.same(r.endWithoutMm(), [])
  t.end()
})

t.test('5: release runs under mirrors_sem: whoever unregisters the mirror waits until it is over', (t) => {
  const seen: boolean[] = []
  const driver = recordingDriver()
  const r: Ranged = ranged(
    {},
    {
      ...driver,
      release: (dev) => {
        const hmm = hmmLookup(dev.task, r.mm)
        seen.push(rwsemIsHeld(dev.task, hmm))
        hmmPut(dev.task, hmm)
      },
    },
  )
  r.release()
  t.same(seen, [true])
  t.same(r.end(), [])
  t.end()
})

t.test('6: a write that is asked of an area without VM_WRITE is -EPERM, not an endless loop', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 2, RO)
  load(r.task, A)
  r.register(A, 2)
  t.same(r.fault({ flags: V | W }), { result: -EPERM, held: true })
  t.same(r.see(), ['-', '-'])
  t.same(r.fault({ flags: V }), { result: 2, held: true })
  t.same(r.end(), [])
  t.end()
})

t.test("8: ranges come, are spoilt and go under the hmm's lock: whoever has it is waited for", (t) => {
  const r = ranged()
  const hmm = hmmLookup(r.task, r.mm)
  let waits = 0
  const lock = () => lockHmm(r.third, hmm)
  for (const actor of [r.task, r.second])
    atEveryPoint(actor, () => {
      if (!sleeps(actor)) return
      waits++
      unlockHmm(r.third, hmm)
    })
  lock()
  t.equal(r.register(A, 1), 0)
  t.same([waits, r.state()], [1, 'valid'])
  lock()
  const end = r.start(A)
  t.same([waits, r.state()], [2, 'invalid'])
  end()
  lock()
  r.unregister()
  t.same([waits, r.state()], [3, 'idle'])
  hmmPut(r.task, hmm)
  t.same(r.end(), [])
  t.end()
})

t.test('12: with a page shift of 2 MiB, an error clears entries of 2 MiB, and nothing behind them', (t) => {
  const r = ranged({ bytes: 32 * 1024 * 1024 })
  t.equal(mmap(r.task, r.mm, A, 512, RW | VM_HUGETLB, PLACE_FIXED), A)
  t.equal(r.register(A, 1024, 21), 0)
  const before = 0x1234n
  r.pfns() // two entries; what is behind them is nobody's
  const array = new BigUint64Array(r.pfns().buffer, r.pfns().byteOffset, 8).fill(before)
  t.equal(r.fault({ flags: V }).result, -14, 'there is no second area')
  t.equal((array[0] as bigint) & V, V)
  t.same([...array.subarray(1)], [0n, before, before, before, before, before, before])
  t.same(r.end(), [])
  t.end()
})

t.test('14: invalidations elsewhere keep a touched range from being filled, for as long as the wait is told to', (t) => {
  const r = filled(1)
  const first = r.start(A)
  t.equal(r.wait(1), false)
  // The counter is of the whole address space, as it was. (Windows of one actor end in the reverse order.)
  const elsewhere = r.start(A + 50)
  elsewhere()
  t.equal(r.wait(1), false)
  first()
  t.equal(r.wait(1), true)
  t.same(r.end(), [])
  t.end()
})

t.test('15: an hmm that outlives its address space is freed without it', (t) => {
  const r = filled(1)
  r.unregister()
  mmPut(r.task, r.mm)
  t.equal(r.told.at(-1), 'release')
  detachDevice(r.task, r.mirror)
  t.same(r.endWithoutMirror(), [])
  t.end()
})

t.test('16: the requests are those from before the call, however often the walk begins again', (t) => {
  const r = ranged({ swapFrames: 16 })
  area(r.task, r.mm, A, 3, RW)
  for (const i of [0, 1, 2]) store(r.task, A + i, 7)
  t.equal(madvise(r.task, r.mm, A, 3, ADVICE.pageout), 0)
  r.register(A, 3)
  // Three faults, and after each the entries before it are results already.
  t.same(r.fault({ mask: ALL, pfns: [V, V | W, V | W] }), { result: 3, held: true })
  t.match(r.see(), [/^VW?$/, 'VW', 'VW'])
  t.ok(r.valid())
  t.same(r.end(), [])
  t.end()
})
