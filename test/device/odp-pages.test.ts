/**
 * What has an adapter with on-demand paging mapped, when, and how is it taken away? Page requests of both types, mappings that stay,
 * an IOMMU that refuses, children of the implicit region, dirty pages, and changes that come in between.
 */
import t from 'tap'
import { NO_REGION } from '../../shared/drivers/odp/region.ts'
import odp from '../../shared/drivers/odp.ts'
import { liveCounts } from '../../shared/frame/objects.ts'
import { mirrorRoot } from '../../shared/hmm/mirror.ts'
import { mirrorWalk } from '../../shared/hmm/mirrortable.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { EFAULT, ENODEV, errnoName } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { reapRange } from '../../shared/mm/reap.ts'
import { enterInside, leaveInside } from '../../shared/mm/shootdown.ts'
import { assert } from '../../shared/seam/error.ts'
import { type Adapter, adapter, RIGHTS } from '../support/adapter.ts'
import { A, area, frameOf, load, RO, RW, store } from '../support/addressspace.ts'
import { atEveryPoint, everyPreemption } from '../support/interleave.ts'

/** Eras in which the driver fills ranges and maps them. */
const OWN = ERAS_THERE.filter((era) => era !== 'events')

for (const era of OWN) {
  t.test(`${era}: a page that is mapped keeps its mapping; one for reading gives way to one for writing`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 2, RW)
    store(nic.task, A, 5)
    mmPut(nic.task, fork(nic.task, nic.mm, 2)) // the CPU's entry may only be read now, and the page is the parent's alone
    t.equal(nic.touch(A, 'read'), 'ok')
    t.same([nic.has(A, 1), nic.mapped()], [['ro'], 1])
    const frame = frameOf(nic.task, nic.mm, A)
    t.equal(nic.request(A, 'read'), 0, 'asked for again, as after a race of two requests')
    t.equal(nic.mapped(), 1)
    t.equal(nic.touch(A, 'write'), 'ok')
    t.equal(frameOf(nic.task, nic.mm, A), frame, 'no event told the adapter')
    t.same([nic.has(A, 1), nic.mapped(), load(nic.task, A)], [['rw'], 1, 7])
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: what the adapter could write is dirty when it is taken away, and when it is closed`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 3, RW)
    area(nic.task, nic.mm, A + 3, 1, RO)
    for (const page of [A, A + 1, A + 2]) nic.touch(page, 'write')
    nic.touch(A + 3, 'read')
    for (const page of [A, A + 1, A + 2]) nic.wasDirty(page)
    const frame = frameOf(nic.task, nic.mm, A)
    mmPut(nic.task, fork(nic.task, nic.mm, 2)) // takes all private pages away for a moment
    t.same([nic.mapped(), frameOf(nic.task, nic.mm, A) === frame], [1, true], "the page of zeros is nobody's to protect")
    t.same([nic.wasDirty(A), nic.wasDirty(A + 1)], [true, true])
    nic.touch(A + 2, 'write')
    nic.wasDirty(A + 2)
    nic.closeDevice()
    t.same([nic.wasDirty(A + 2), nic.mapped()], [true, 0])
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: the IOMMU refuses: the access is refused, nothing is mapped, and the next one is served`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 8, RW)
    nic.dev.dma.failAfter(0)
    t.equal(nic.touch(A, 'write'), 'EFAULT')
    t.same([nic.mapped(), nic.regions()], [0, []])
    nic.dev.dma.failAfter(5)
    t.equal(nic.touch(A + 3, 'atomic'), 'ok', 'the window cannot be mapped, the page can')
    t.same([nic.mapped(), nic.has(A, 5)], [1, ['-', '-', '-', 'rw', '-']])
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: a child of the implicit region lives as long as it has pages`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 130, RW)
    const records = liveCounts(nic.task).get('driver record') as number
    for (const page of [A + 1, A + 70, A + 129]) nic.touch(page, 'write')
    t.same(nic.regions(), [A, A + 64, A + 128])
    munmap(nic.task, nic.mm, A + 64, 64)
    t.same([nic.regions(), nic.mapped()], [[A, A + 128], 2])
    t.ok(nic.work() > 0, 'a callback frees nothing: the service does')
    t.equal(liveCounts(nic.task).get('driver record'), records + 2)
    munmap(nic.task, nic.mm, A, 130)
    t.same([nic.regions(), nic.mapped()], [[], 0])
    t.equal(nic.touch(A, 'read'), 'EFAULT')
    t.equal(liveCounts(nic.task).get('driver record'), records, 'or the next page request')
    t.same(nic.close(), [])
    t.end()
  })
}

for (const era of ERAS_THERE) {
  t.test(`${era}: an RDMA request is for its page; those behind it are prefetched when the hardware is going on`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 6, RW)
    nic.verb('reg_mr', A, 6, RIGHTS.rw)
    t.equal(nic.touch(A + 1, 'read'), 'ok')
    t.same(nic.has(A, 6), ['-', 'ro', '-', '-', '-', '-'])
    t.equal(nic.work(), 1)
    t.same(nic.has(A, 6), ['-', 'ro', 'ro', 'ro', 'ro', 'ro'], 'up to the end of the region')
    t.equal(nic.touch(A + 5, 'write'), 'ok')
    t.equal(nic.work(), 0, 'there is nothing behind the last page')
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: a MEMORY request is for its window, and for its page where that cannot be`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 10, RW)
    area(nic.task, nic.mm, A + 12, 1, RW)
    t.equal(nic.touch(A + 6, 'atomic'), 'ok')
    t.same(nic.has(A, 9), [...Array(8).fill('rw'), '-'])
    t.equal(nic.touch(A + 12, 'atomic'), 'ok')
    const before = era === 'events' ? 'rw' : '-' // HMM of 2016 brings a window in area by area
    t.same(nic.has(A + 8, 6), [before, before, '-', '-', 'rw', '-'])
    t.equal(nic.work(), 0)
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: the address space ends first: nothing is mapped any more, and requests are refused`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 2, RW)
    nic.touch(A, 'write')
    nic.exit()
    t.equal(nic.mapped(), 0)
    t.equal(nic.request(A, 'read'), era === 'events' ? -ENODEV : -EFAULT)
    t.ok(nic.work() > 0, 'what was left, of an address space that is gone')
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: a change that may not block`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 1, RW)
    nic.touch(A, 'write')
    const refuses = era !== 'events' && era !== 'range-valid'
    t.equal(errnoName(reapRange(nic.task, nic.mm, A, 1)), refuses ? 'EAGAIN' : 'E0')
    t.equal(nic.mapped(), refuses ? 1 : 0)
    t.same(nic.close(), [])
    t.end()
  })
}

t.test('a driver that does not unmap what it has when it is closed is found: later nobody would', (t) => {
  const nic = adapter('sequence', { ...odp, close() {} })
  area(nic.task, nic.mm, A, 1, RW)
  nic.touch(A, 'write')
  nic.closeDevice()
  t.same(nic.close(), ['DMA mappings of device 0: 1 at the end, 0 at the start'])
  t.end()
})

t.test('no memory for a child: -ENOMEM', (t) => {
  const nic = adapter()
  area(nic.task, nic.mm, A, 1, RW)
  const { alloc } = nic.dev.records
  nic.dev.records.alloc = () => NO_REGION
  t.equal(nic.touch(A, 'read'), 'ENOMEM')
  nic.dev.records.alloc = alloc
  t.equal(nic.touch(A, 'read'), 'ok')
  t.same(nic.close(), [])
  t.end()
})

/** Has `change` made while the engine is inside an access; it leaves when the entry of page A is gone. What was mapped then. */
function changedUnderAnAccess(nic: Adapter, change: () => void): number {
  const engine = nic.solo.other(2)
  const entry = mirrorWalk(engine, mirrorRoot(engine, nic.mirror), A)
  let then = -1
  enterInside(engine)
  atEveryPoint(nic.task, () => {
    if (then >= 0 || engine.words[entry] !== 0) return
    then = nic.mapped()
    leaveInside(engine)
  })
  change()
  Object.defineProperty(nic.task, 'gate', { configurable: true, writable: true, value: 0 })
  return then
}

for (const [slots, taken] of [
  ['a slot', 0],
  ['no slot', 16],
] as const) {
  t.test(`two passes, with ${slots}: a page stays mapped until the engine has left`, (t) => {
    const nic = adapter('two-pass')
    area(nic.task, nic.mm, A, 1, RW)
    nic.touch(A, 'write')
    for (let slot = 0; slot < taken; slot++) nic.dev.store(nic.dev.word(slot * 4), nic.mirror)
    t.equal(
      changedUnderAnAccess(nic, () => madvise(nic.task, nic.mm, A, 1, ADVICE.dontneed)),
      1,
    )
    t.equal(nic.mapped(), 0)
    t.same(nic.close(), [])
    t.end()
  })
}

/** What may come in between any two steps of a page request. */
const MEETINGS: readonly (readonly [string, (nic: Adapter) => void])[] = [
  ['munmap', (nic) => munmap(nic.task, nic.mm, A, 1)],
  ['fork', (nic) => mmPut(nic.task, fork(nic.task, nic.mm, 2))],
  ['madvise', (nic) => madvise(nic.task, nic.mm, A, 1, ADVICE.dontneed)],
]

for (const [name, meanwhile] of MEETINGS) {
  t.test(`${name} at any step of a page request: what is mapped is what the CPU has, and all is returned`, (t) => {
    const schedules = everyPreemption(() => {
      const nic = adapter()
      area(nic.task, nic.mm, A, 2, RW)
      store(nic.task, A, 5)
      nic.verb('reg_mr', A, 2, RIGHTS.rw)
      const service = nic.solo.other(1)
      let result = 1
      return {
        first: service,
        run: () => {
          result = nic.request(A, 'write', service)
        },
        second: nic.task,
        meanwhile: () => meanwhile(nic),
        check: () => {
          assert(result === 0 || result === -EFAULT, `the request ends with ${errnoName(result)}`)
          const [entry] = nic.has(A, 1)
          const mapped = nic.has(A, 2).filter((one) => one !== '-').length
          assert(entry !== '?' && nic.mapped() === mapped, `${entry}, ${nic.mapped()} mapped`)
          const left = nic.close()
          assert(left.length === 0, left.join('; '))
        },
      }
    })
    t.ok(schedules > 10, `${schedules} schedules`)
    t.end()
  })
}
