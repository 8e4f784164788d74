/**
 * A device that cannot follow notifiers pins its pages and maps them for DMA, over the same core as a mirror. Do the pages stay, as
 * long as they are pinned, whatever the address space does? Is nothing pinned and nothing mapped after a failure?
 */
import t from 'tap'
import { deviceIommu } from '../../shared/device/record.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import svm from '../../shared/drivers/svm.ts'
import { FRAME_DIRTY, frameClearFlags, frameFlags, framePins, NO_FRAME } from '../../shared/frame/frames.ts'
import { DMA, iommuMap, iommuTranslate, iommuUnmap } from '../../shared/frame/iommu.ts'
import { frameAlloc, framePut } from '../../shared/frame/zones.ts'
import { EFAULT, EINVAL } from '../../shared/memory/errno.ts'
import { moveFrame } from '../../shared/mm/compact.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { createGupRange, freeGupRange, gupRangeFrame, gupRangePin, gupRangeUnpin } from '../../shared/mm/guprange.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { putOutFrame } from '../../shared/mm/shrink.ts'
import { mmapSem } from '../../shared/notifier/mmhead.ts'
import { assert } from '../../shared/seam/error.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downRead, upRead } from '../../shared/sync/rwsem.ts'
import { A, area, entries, frameOf, load, makeScarce, newSpace, RO, RW, store, wrongCounts } from '../support/addressspace.ts'
import { everyPreemption } from '../support/interleave.ts'
import { solo, violationOf } from '../support/solo.ts'

/** Two pages with content; a device that no address space has opened. */
function scene() {
  const machine = solo({ drivers: [svm], engines: 0, deviceFrames: [4], swapFrames: 8 })
  const { task } = machine
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  store(task, A, 7)
  store(task, A + 1, 8)
  const { dma } = boundDriver(task, 0).dev
  const map = createGupRange(task, 2)
  return {
    ...machine,
    mm,
    dma,
    map,
    iommu: deviceIommu(task, 0),
    pin(start: number, pages: number, write: boolean) {
      downRead(task, mmapSem(mm), MMAP_SEM)
      const result = gupRangePin(task, map, mm, start, pages, write)
      upRead(task, mmapSem(mm))
      return result
    },
    close() {
      freeGupRange(task, map)
      mmPut(task, mm)
      return machine.leftovers()
    },
  }
}

t.test('pinned pages are faulted in, mapped, and stay where they are: swapping and unmapping leave them to the device', (t) => {
  const made = scene()
  const { task, mm, dma, map, iommu } = made
  madvise(task, mm, A, 1, ADVICE.dontneed)
  t.equal(made.pin(A, 2, true), 2)
  t.equal(dma.map(map), 2)
  const frames = [0, 1].map((i) => frameOf(task, mm, A + i))
  t.same(
    frames.map((frame) => framePins(task, frame)),
    [1, 1],
  )
  t.same(
    [0, 1].map((i) => iommuTranslate(task, iommu, dma.page(map, i), true)),
    frames,
  )
  madvise(task, mm, A, 2, ADVICE.pageout)
  t.same(entries(task, mm, A, 2), ['rw', 'rw'], 'a pinned page is not swapped out')
  munmap(task, mm, A, 2)
  t.same(
    [0, 1].map((i) => iommuTranslate(task, iommu, dma.page(map, i), true)),
    frames,
    'the device has them still',
  )
  const other = frameAlloc(task, 0)
  t.notOk(frames.includes(other), 'and nobody else has got them')
  framePut(task, other)
  t.equal(dma.unmap(map, true), 2)
  gupRangeUnpin(task, map, true)
  t.same(made.close(), [])
  t.end()
})

t.test('read only: the device may not write, and nothing is called dirty', (t) => {
  const made = scene()
  const { task, mm, dma, map, iommu } = made
  t.equal(made.pin(A, 1, false), 1)
  const frame = frameOf(task, mm, A)
  frameClearFlags(task, frame, FRAME_DIRTY)
  dma.map(map)
  t.equal(iommuTranslate(task, iommu, dma.page(map, 0), false), frame)
  t.equal(iommuTranslate(task, iommu, dma.page(map, 0), true), NO_FRAME)
  dma.unmap(map, true)
  dma.unpin(map, true)
  t.equal(frameFlags(task, frame) & FRAME_DIRTY, 0)
  t.same(made.close(), [])
  t.end()
})

t.test('what the device could write to is dirty: when it is unmapped, or when the pin goes', (t) => {
  for (const at of ['unmap', 'unpin'] as const) {
    const made = scene()
    const { task, mm, dma, map } = made
    made.pin(A, 1, true)
    const frame = frameOf(task, mm, A)
    dma.map(map)
    frameClearFlags(task, frame, FRAME_DIRTY)
    dma.unmap(map, at === 'unmap')
    t.equal((frameFlags(task, frame) & FRAME_DIRTY) !== 0, at === 'unmap')
    dma.unpin(map, at === 'unpin')
    t.equal((frameFlags(task, frame) & FRAME_DIRTY) !== 0, true)
    t.same(made.close(), [])
  }
  t.end()
})

t.test('the second of two pages cannot be had: -EFAULT, and the first is not pinned any more', (t) => {
  const made = scene()
  const { task, mm } = made
  area(task, mm, A + 2, 1, RO)
  t.equal(made.pin(A + 1, 2, true), -EFAULT, 'no right')
  t.equal(made.pin(A + 1, 2, false), 2)
  gupRangeUnpin(task, made.map, false)
  munmap(task, mm, A + 2, 1)
  t.equal(made.pin(A + 1, 2, false), -EFAULT, 'no area')
  t.equal(framePins(task, frameOf(task, mm, A + 1)), 0)
  t.equal(load(task, A + 1), 8)
  t.same(made.close(), [])
  t.end()
})

t.test('memory is out for the second page: -ENOMEM, and the first is not pinned any more', (t) => {
  const made = scene()
  madvise(made.task, made.mm, A + 1, 1, ADVICE.dontneed)
  const giveBack = makeScarce(made.task, 'frame', 0)
  t.equal(made.pin(A, 2, true), -12)
  giveBack()
  t.equal(framePins(made.task, frameOf(made.task, made.mm, A)), 0)
  t.same(made.close(), [])
  t.end()
})

t.test('no pages, or more than there is room for: -EINVAL', (t) => {
  const made = scene()
  t.equal(made.pin(A, 0, false), -EINVAL)
  t.equal(made.pin(A, 65, false), -EINVAL)
  t.same(made.close(), [])
  t.end()
})

t.test('the IOMMU refuses a page: -EFAULT, nothing is mapped, and all is pinned still', (t) => {
  for (const ok of [0, 1]) {
    const made = scene()
    made.pin(A, 2, true)
    made.dma.failAfter(ok)
    t.equal(made.dma.map(made.map), -EFAULT)
    t.equal(made.dma.mappings, 0)
    t.equal(framePins(made.task, frameOf(made.task, made.mm, A)), 1)
    t.equal(made.dma.map(made.map), 2)
    made.dma.unmap(made.map, false)
    made.dma.unpin(made.map, false)
    t.same(made.close(), [])
  }
  t.end()
})

t.test("an IOMMU has no page for a device's own memory, and ends a mapping only as it was made", (t) => {
  const made = scene()
  const { task, iommu } = made
  const own = frameAlloc(task, 1)
  t.equal(iommuMap(task, iommu, own, DMA.toDevice), 0)
  framePut(task, own)
  const frame = frameOf(task, made.mm, A)
  const page = iommuMap(task, iommu, frame, DMA.bidirectional)
  t.throws(() => iommuUnmap(task, iommu, page, frame, DMA.toDevice), /a DMA mapping ends once, as it was made/)
  iommuUnmap(task, iommu, page, frame, DMA.bidirectional)
  t.throws(() => iommuUnmap(task, iommu, page, frame, DMA.bidirectional), /a DMA mapping ends once, as it was made/)
  t.same(made.close(), [])
  t.end()
})

t.test('a map that is freed while it pins is a mistake', (t) => {
  const made = scene()
  made.pin(A, 1, false)
  t.throws(() => violationOf(() => freeGupRange(made.task, made.map)), /a gup range is freed without pins/)
  t.end()
})

t.test('fork gives the child a copy of a pinned page: the parent keeps the frame that the device has', (t) => {
  const made = scene()
  const { task, mm, map } = made
  made.pin(A, 1, true)
  const frame = frameOf(task, mm, A)
  const child = fork(task, mm, 2)
  t.not(child, 0)
  t.same(entries(task, mm, A, 2), ['rw', 'ro'], 'the other page is shared')
  store(task, A, 9)
  t.equal(frameOf(task, mm, A), frame, 'no later write of the parent takes it away from the pin')
  switchMm(task, child)
  t.same([load(task, A), load(task, A + 1)], [7, 8])
  t.same(entries(task, child, A, 2), ['rw', 'ro'])
  switchMm(task, mm)
  gupRangeUnpin(task, map, true)
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  t.same(made.close(), [])
  t.end()
})

t.test('no memory for the copy: fork fails, and nothing is left of it', (t) => {
  const made = scene()
  const { task, mm, map } = made
  made.pin(A, 2, true)
  const give = makeScarce(task, 'frame', 1)
  t.equal(fork(task, mm, 2), 0)
  give()
  t.same(entries(task, mm, A, 2), ['rw', 'rw'])
  gupRangeUnpin(task, map, false)
  t.same(made.close(), [])
  t.end()
})

t.test('a pin for reading makes the page the process own first: its next write stays with the device', (t) => {
  const made = scene()
  const { task, mm, map } = made
  const child = fork(task, mm, 2)
  made.pin(A, 1, false)
  const frame = frameOf(task, mm, A)
  store(task, A, 9)
  t.equal(frameOf(task, mm, A), frame)
  mmPut(task, child)
  gupRangeUnpin(task, map, false)
  t.same(made.close(), [])
  t.end()
})

/** What meets a pin at each of its steps. */
for (const [name, act] of [
  ['putting the page out', putOutFrame],
  ['moving the page', moveFrame],
] as const) {
  t.test(`${name} and pinning it, at whatever step: what is pinned is what the process has`, (t) => {
    const schedules = everyPreemption(() => {
      const made = scene()
      const { task, mm, map } = made
      const reclaimer = made.other(1)
      const frame = frameOf(task, mm, A)
      return {
        first: reclaimer,
        run: () => act(reclaimer, frame),
        second: task,
        meanwhile: () => made.pin(A, 1, true),
        check: () => {
          assert(frameOf(task, mm, A) === gupRangeFrame(task, map, 0), 'the pin is on another frame')
          assert(load(task, A) === 7, 'the content is lost')
          gupRangeUnpin(task, map, false)
          const left = made.close()
          assert(left.length === 0, left.join('; '))
        },
      }
    })
    t.ok(schedules > 10, `${schedules} schedules`)
    t.end()
  })
}
