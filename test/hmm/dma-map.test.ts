/**
 * Mapping a range for a device behind an IOMMU: what does each answer mean, and what is held after it? Every one of the calls'
 * return codes, in every era whose ranges can be filled, with the IOMMU's table counted after each.
 */
import t from 'tap'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { deviceIommu } from '../../shared/device/record.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import svm, { SVM_FORMAT } from '../../shared/drivers/svm.ts'
import { FRAME_DIRTY, frameClearFlags, frameFlags, frameTryLock, frameUnlock, NO_FRAME } from '../../shared/frame/frames.ts'
import { DMA, iommuMap, iommuMappings, iommuPages, iommuTranslate, iommuUnmap } from '../../shared/frame/iommu.ts'
import type { Era } from '../../shared/hmm/era.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { NO_RANGE, rangePfnAt } from '../../shared/hmm/range.ts'
import { EAGAIN, EBUSY, EFAULT, EINVAL, EPERM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { NO_GUP_RANGE } from '../../shared/mm/guprange.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmapSem } from '../../shared/notifier/mmhead.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downWriteTry, upWrite } from '../../shared/sync/rwsem.ts'
import { A, area, frameOf, newSpace, RO, RW, store } from '../support/addressspace.ts'
import { atEveryPoint, sleeps } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

const PAGES = 4
const { valid, write } = SVM_FORMAT
/** Eras in which a driver fills ranges. */
const ERAS = ERAS_THERE.filter((era) => era !== 'events')

/** Four pages of which the second is read-only and the fourth is missing; a range over them, registered and waited for. */
function scene(era: Era = 'sequence') {
  const machine = solo({ drivers: [svm], engines: 0, swapFrames: 16, era })
  const { task } = machine
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  area(task, mm, A + 1, 1, RO)
  area(task, mm, A + 2, 2, RW)
  store(task, A, 1)
  madvise(task, mm, A + 1, 1, ADVICE.populateRead)
  store(task, A + 2, 3)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const { dev } = boundDriver(task, 0)
  const range = dev.createRange(PAGES, SVM_FORMAT)
  const map = dev.dma.createMap(PAGES)
  dev.rangeRequest(range, 0n)
  dev.rangeRegister(range, mirror, A, PAGES)
  dev.rangeWait(range)
  return {
    ...machine,
    mm,
    mirror,
    dev,
    range,
    map,
    /** mapRange with mmap_sem, which is held on return unless it says -EAGAIN. */
    mapRange(block?: boolean) {
      dev.mmapReadLock(mirror)
      const result = dev.dma.mapRange(range, map, block)
      if (result !== -EAGAIN) dev.mmapReadUnlock(mirror)
      return result
    },
    unmapRange(dirty: boolean, first?: number, pages?: number) {
      dev.lock(mirror)
      const result = dev.dma.unmapRange(range, map, dirty, first, pages)
      dev.unlock(mirror)
      return result
    },
    /** Which pages of the range the device reaches, and how: `rw`, `ro`, `-`. */
    reach() {
      const iommu = deviceIommu(task, 0)
      return Array.from({ length: PAGES }, (_, i) => {
        const page = dev.dma.rangePage(range, map, i)
        if (page === 0 || iommuTranslate(task, iommu, page, false) !== frameOf(task, mm, A + i)) return '-'
        return iommuTranslate(task, iommu, page, true) === NO_FRAME ? 'ro' : 'rw'
      })
    },
    close() {
      dev.rangeUnregister(range)
      dev.freeRange(range)
      dev.dma.freeMap(map)
      mmPut(task, mm)
      detachDevice(task, mirror)
      return machine.leftovers()
    },
  }
}

for (const era of ERAS) {
  t.test(`${era}: the pages that are there are mapped, with the rights of their entries, and unmapped`, (t) => {
    const made = scene(era)
    t.equal(made.mapRange(), 3, 'fewer than the range has pages')
    t.same(made.reach(), ['rw', 'ro', 'rw', '-'])
    t.equal(made.dev.dma.mappings, 3)
    made.dev.lock(made.mirror)
    t.equal(made.dev.rangeValid(made.range), true, 'and then the driver asks, as ever')
    made.dev.unlock(made.mirror)
    t.equal(made.unmapRange(false), 3)
    t.equal(made.dev.dma.mappings, 0)
    t.same(
      Array.from({ length: PAGES }, (_, i) => made.dev.rangeEntry(made.range, i)),
      Array(PAGES).fill(SVM_FORMAT.none),
      'the entries are NONE',
    )
    t.equal(made.unmapRange(true), 0, 'nothing is unmapped twice')
    t.same(made.close(), [])
    t.end()
  })

  t.test(`${era}: invalidated between two pages: -EBUSY, and those that were mapped are unmapped`, (t) => {
    const made = scene(era)
    const cpu1 = made.other(1)
    let dropped = false
    atEveryPoint(made.task, () => {
      if (dropped || iommuMappings(cpu1, deviceIommu(cpu1, 0)) !== 2) return
      dropped = true
      madvise(cpu1, made.mm, A + 2, 1, ADVICE.dontneed)
    })
    t.equal(made.mapRange(), -EBUSY)
    Object.defineProperty(made.task, 'gate', { configurable: true, writable: true, value: 0 })
    t.equal(dropped, true)
    t.equal(made.dev.dma.mappings, 0)
    made.dev.rangeWait(made.range)
    t.equal(made.mapRange(), 2, 'and it is begun again')
    t.same(made.reach(), ['rw', 'ro', '-', '-'])
    made.unmapRange(false)
    t.same(made.close(), [])
    t.end()
  })
}

t.test('invalidated while it is filled: -EBUSY before anything is mapped', (t) => {
  const made = scene()
  madvise(made.other(1), made.mm, A + 2, 1, ADVICE.dontneed)
  t.equal(made.mapRange(), -EBUSY)
  t.equal(made.dev.dma.mappings, 0)
  t.same(made.close(), [])
  t.end()
})

t.test('the IOMMU refuses the first, the second or the third page: -EFAULT, nothing is mapped, mmap_sem is held', (t) => {
  for (const ok of [0, 1, 2]) {
    const made = scene()
    made.dev.dma.failAfter(ok)
    made.dev.mmapReadLock(made.mirror)
    t.equal(made.dev.dma.mapRange(made.range, made.map), -EFAULT)
    t.equal(downWriteTry(made.other(1), mmapSem(made.mm), MMAP_SEM), false)
    made.dev.mmapReadUnlock(made.mirror)
    t.equal(made.dev.dma.mappings, 0, `after ${ok}`)
    t.equal(made.mapRange(), 3, 'once only')
    made.unmapRange(false)
    t.same(made.close(), [])
  }
  t.end()
})

t.test('the table of the IOMMU is full: -EFAULT as well', (t) => {
  const made = scene()
  const iommu = deviceIommu(made.task, 0)
  const frame = frameOf(made.task, made.mm, A)
  const room = iommuPages(made.task, iommu) - 2
  const taken = Array.from({ length: room }, () => iommuMap(made.task, iommu, frame, DMA.toDevice))
  t.equal(made.mapRange(), -EFAULT)
  t.equal(made.dev.dma.mappings, room)
  for (const page of taken) iommuUnmap(made.task, iommu, page, frame, DMA.toDevice)
  t.same(made.close(), [])
  t.end()
})

t.test('a page cannot be had: what the fill says, and nothing is mapped', (t) => {
  const made = scene()
  made.dev.rangeRequest(made.range, valid | write)
  t.equal(made.mapRange(), -EPERM, 'a write to the read-only page')
  made.dev.rangeUnregister(made.range)
  made.dev.rangeRequest(made.range, valid)
  made.dev.rangeRegister(made.range, made.mirror, A + 100, PAGES)
  made.dev.rangeWait(made.range)
  t.equal(made.mapRange(), -EFAULT, 'no area')
  t.equal(made.dev.dma.mappings, 0)
  t.same(made.close(), [])
  t.end()
})

t.test('the DMA map is too small: -EINVAL; of an unmap without range or map, or of pages that are not in them, too', (t) => {
  const made = scene()
  const small = made.dev.dma.createMap(64)
  const big = made.dev.createRange(512, SVM_FORMAT)
  made.dev.rangeRequest(big, 0n)
  made.dev.rangeRegister(big, made.mirror, A, 65)
  made.dev.rangeWait(big)
  made.dev.mmapReadLock(made.mirror)
  t.equal(made.dev.dma.mapRange(big, small), -EINVAL)
  made.dev.mmapReadUnlock(made.mirror)
  made.dev.lock(made.mirror)
  t.equal(made.dev.dma.unmapRange(NO_RANGE, made.map, true), -EINVAL)
  t.equal(made.dev.dma.unmapRange(made.range, NO_GUP_RANGE, true), -EINVAL)
  t.equal(made.dev.dma.unmapRange(made.range, made.map, true), -EINVAL, 'nothing was mapped yet')
  made.dev.unlock(made.mirror)
  made.mapRange()
  for (const [first, pages] of [
    [0, 0],
    [0, PAGES + 1],
    [PAGES, 1],
    [-1, 1],
    [2, -1],
  ] as const)
    t.equal(made.unmapRange(true, first, pages), -EINVAL, `${first}, ${pages}`)
  t.equal(made.dev.dma.mappings, 3)
  made.unmapRange(false)
  made.dev.rangeUnregister(big)
  made.dev.freeRange(big)
  made.dev.dma.freeMap(small)
  t.same(made.close(), [])
  t.end()
})

t.test('that may not block: -EAGAIN when somebody has a page, without mmap_sem; that may: it waits with it', (t) => {
  for (const block of [false, true]) {
    const made = scene()
    const cpu1 = made.other(1)
    madvise(made.task, made.mm, A + 2, 1, ADVICE.pageout)
    const slot = frameOf(made.task, made.mm, A + 2)
    frameTryLock(cpu1, slot) // it is being read from the disk
    made.dev.rangeRequest(made.range, valid)
    made.dev.rangeWait(made.range)
    let waited = 0
    atEveryPoint(made.task, () => {
      if (waited > 0 || !sleeps(made.task)) return
      waited++
      const free = downWriteTry(cpu1, mmapSem(made.mm), MMAP_SEM)
      t.equal(free, !block)
      if (free) upWrite(cpu1, mmapSem(made.mm))
      frameUnlock(cpu1, slot)
    })
    t.equal(made.mapRange(block), block ? PAGES : -EAGAIN)
    Object.defineProperty(made.task, 'gate', { configurable: true, writable: true, value: 0 })
    t.equal(waited, 1)
    t.equal(made.dev.dma.mappings, block ? PAGES : 0)
    t.equal(downWriteTry(cpu1, mmapSem(made.mm), MMAP_SEM), true, 'nobody holds mmap_sem')
    upWrite(cpu1, mmapSem(made.mm))
    if (block) made.unmapRange(false)
    t.same(made.close(), [])
  }
  t.end()
})

t.test('dirty: pages that the device could write to are marked, the others are not, and none without being asked', (t) => {
  for (const dirty of [false, true]) {
    const made = scene()
    t.equal(made.mapRange(), 3)
    const frames = [0, 1, 2].map((i) => frameOf(made.task, made.mm, A + i))
    for (const frame of frames) frameClearFlags(made.task, frame, FRAME_DIRTY) // as after writing back
    t.equal(made.unmapRange(dirty), 3)
    const marked = frames.map((frame) => (frameFlags(made.task, frame) & FRAME_DIRTY) !== 0)
    t.same(marked, dirty ? [true, false, true] : [false, false, false])
    t.same(made.close(), [])
  }
  t.end()
})

t.test('an invalidation unmaps the part of a range that it is about; the rest stays mapped', (t) => {
  const made = scene()
  made.mapRange()
  t.equal(made.unmapRange(true, 1, 2), 2)
  t.same(made.reach(), ['rw', '-', '-', '-'])
  t.equal(made.dev.dma.mappings, 1)
  made.dev.rangeUnregister(made.range)
  t.equal(made.unmapRange(true), 1, 'a range that is not registered any more still says what was mapped')
  made.dev.rangeRegister(made.range, made.mirror, A, PAGES)
  t.same(made.close(), [])
  t.end()
})

t.test('entries that were erased behind the back of the map: their mappings stay for ever, which is why nobody may', (t) => {
  const made = scene()
  made.mapRange()
  const at = rangePfnAt(made.task, made.range, 0)
  const [low, high] = [made.task.words[at] as number, made.task.words[at + 1] as number]
  made.task.words.fill(0, at, at + 2)
  t.equal(made.dev.dma.rangePage(made.range, made.map, 0), 0, 'no page, whatever its DMA page says')
  t.equal(made.unmapRange(true, 1, 3), 2)
  t.equal(made.dev.dma.mappings, 1)
  made.task.words[at] = low
  made.task.words[at + 1] = high
  t.equal(made.unmapRange(true, 0, 1), 1)
  t.same(made.close(), [])
  t.end()
})
