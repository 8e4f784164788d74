/** A faulty driver: while it splits a block, the upper half belongs to nobody for a moment (known race 24). */
import { blocked, setBlock, shrink, UPPER } from './fixed.ts'

export default blocked('split-shrinks-before-notifier', (dev, mirror, start) => {
  dev.lock(mirror)
  const last = shrink(dev, mirror, start)
  dev.unlock(mirror) // the mistake: an invalidation of the upper half finds no block for it
  dev.lock(mirror)
  setBlock(dev, mirror, UPPER, start, last)
  dev.unlock(mirror)
})
