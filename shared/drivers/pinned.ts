/**
 * pinned: a device that can neither fault nor follow notifiers. Its pages are pinned for as long as a buffer is bound, and mapped for DMA
 * over the same core as the ranges of a mirror (mm/guprange.ts).
 *
 *     bind      mmap_sem: pin each page, which brings it home from device memory and makes it the process's own; map; show
 *     submit    push the job: nothing can have changed
 *     unbind    wait for the jobs, take the entries away, unmap, unpin: what the device may have written is dirty
 *
 * The price is what notifiers are for. Pinned pages are not swapped, moved or migrated; an munmap leaves them to the device, which then
 * works on pages that nobody sees; fork copies them. Changes of the address space are none of this driver's business.
 */
import { type DeviceContext, defineDriver, ENOMEM, type GupRange, get, type Mirror, put } from '../device/index.ts'
import {
  type Buffer,
  type BufferFamily,
  bufferLast,
  bufferMayWrite,
  bufferPages,
  bufferStart,
  closeBuffers,
  freeBuffers,
  mapAt,
  pushJob,
  runBufferCommand,
} from './jobs/buffers.ts'

const FAMILY: BufferFamily = {
  bind(dev, mirror, buffer) {
    const map = dev.dma.createMap(bufferPages(dev, buffer))
    if (map === 0) return -ENOMEM
    const result = pinAndMap(dev, mirror, buffer, map)
    if (result < 0) dev.dma.freeMap(map)
    put(dev.task, mapAt(buffer), map)
    return Math.min(result, 0)
  },

  unbind(dev, mirror, buffer) {
    const map = get(dev.task, mapAt(buffer)) as GupRange
    dev.lock(mirror)
    dev.unmap(mirror, bufferStart(dev, buffer), bufferLast(dev, buffer))
    dev.unlock(mirror)
    dev.dma.unmap(map, bufferMayWrite(dev, buffer))
    dev.dma.unpin(map, bufferMayWrite(dev, buffer))
    dev.dma.freeMap(map)
  },

  submit(dev, mirror, buffer, request) {
    dev.lock(mirror)
    const result = pushJob(dev, mirror, buffer, request)
    dev.unlock(mirror)
    return result
  },
}

/** The pages, or a negative errno, and then nothing is pinned or mapped. */
function pinAndMap(dev: DeviceContext, mirror: Mirror, buffer: Buffer, map: GupRange): number {
  const write = bufferMayWrite(dev, buffer)
  dev.mmapReadLock(mirror)
  const pinned = dev.dma.pin(map, mirror, bufferStart(dev, buffer), bufferPages(dev, buffer), write)
  dev.mmapReadUnlock(mirror)
  if (pinned < 0) return pinned
  const mapped = dev.dma.map(map)
  if (mapped >= 0) {
    dev.lock(mirror)
    const shown = dev.dma.install(mirror, bufferStart(dev, buffer), map, write)
    if (!shown) dev.unmap(mirror, bufferStart(dev, buffer), bufferLast(dev, buffer))
    dev.unlock(mirror)
    if (shown) return pinned
    dev.dma.unmap(map, false)
  }
  dev.dma.unpin(map, false)
  return mapped < 0 ? mapped : -ENOMEM
}

/** A device that cannot follow notifiers: it pins what it is bound to (docs/families.md). */
export default defineDriver({
  name: 'pinned',
  close: closeBuffers,
  detach: (dev, mirror) => freeBuffers(dev, mirror, FAMILY),
  invalidate: () => true,
  ioctl: (dev, mirror, request) => runBufferCommand(dev, mirror, request, FAMILY),
})
