/** A faulty driver: what it mapped for DMA and may not use, because it was invalidated meanwhile, stays mapped (known race 44). */
import { defineDriver } from 'hmm-runtime/driver'
import mapsForDma, { serveByDma } from './fixed.ts'

export default defineDriver({
  ...mapsForDma,
  name: 'touched-unowned-frame',
  serviceFault: (dev, mirror, fault) => serveByDma(dev, mirror, fault, () => {}), // the mistake
})
