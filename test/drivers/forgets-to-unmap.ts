/** A faulty driver: what it mapped for DMA and may not use, because it was invalidated meanwhile, stays mapped. */
import { defineDriver } from 'hmm-runtime/driver'
import mapsForDma, { serveByDma } from './maps-for-dma.ts'

export default defineDriver({
  ...mapsForDma,
  name: 'forgets-to-unmap',
  serviceFault: (dev, mirror, fault) => serveByDma(dev, mirror, fault, () => {}), // the mistake
})
