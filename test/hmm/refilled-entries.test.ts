/**
 * An entry that is filled again: what the device and the driver left in it stays while it names the same page, and only then. A bus
 * address may have the number of some page frame, and is another page all the same.
 */
import t from 'tap'
import type { Frame } from '../../shared/frame/frames.ts'
import type { DmaPage } from '../../shared/frame/iommu.ts'
import { createMirror, mirrorLock, mirrorUnlock } from '../../shared/hmm/mirror.ts'
import {
  hmmPteSetBit,
  hmmPteSetDirty,
  MIRROR_DIRTY,
  MIRROR_HW_SHIFT,
  MIRROR_WRITE,
  type MirrorPte,
  mirrorPteFromDma,
  mirrorPteFromFrame,
} from '../../shared/hmm/mirrorpte.ts'
import { mirrorFill, mirrorIterator, mirrorPeek } from '../../shared/hmm/mirrortable.ts'
import { newSpace } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const VPN = 5
const DRIVERS_BIT = 1 << MIRROR_HW_SHIFT
const LEFT = MIRROR_DIRTY | DRIVERS_BIT

/** Fills page 5 with `first`, marks it dirty and sets a bit of the driver's, fills it with `second`; what is there then. */
function refilled(first: MirrorPte, second: MirrorPte): number {
  const { task } = solo()
  const mirror = createMirror(task, 0, newSpace(task))
  mirrorLock(task, mirror)
  const iterator = mirrorIterator(task, mirror)
  mirrorFill(task, mirror, iterator, VPN, first, 1)
  const at = iterator.lookup(VPN)
  hmmPteSetDirty(task, at)
  hmmPteSetBit(task, at, MIRROR_HW_SHIFT)
  mirrorFill(task, mirror, iterator, VPN, second, 1)
  const after = mirrorPeek(task, iterator, VPN)
  iterator.finish()
  mirrorUnlock(task, mirror)
  return after
}

const frame = (number: number, bits = 0) => mirrorPteFromFrame(number as Frame, bits)

t.test("the same page: dirty and the driver's bits stay, rights are the new ones", (t) => {
  t.equal(refilled(frame(9), frame(9)), frame(9) | LEFT)
  t.equal(refilled(frame(9), frame(9, MIRROR_WRITE)), frame(9, MIRROR_WRITE) | LEFT)
  t.equal(refilled(frame(9, MIRROR_WRITE), frame(9)), frame(9) | LEFT)
  t.end()
})

t.test('another page: nothing stays', (t) => {
  t.equal(refilled(frame(9), frame(10)), frame(10))
  t.end()
})

t.test('a bus address with the number of the frame: nothing stays', (t) => {
  const dma = mirrorPteFromDma(9 as DmaPage, 0)
  t.equal(refilled(frame(9), dma), dma)
  t.equal(refilled(dma, frame(9)), frame(9))
  t.end()
})
