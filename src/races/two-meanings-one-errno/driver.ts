/** A driver as one was written in 2019: the retry loop around hmm_range_fault, mmap_sem given up by it, a wait of a second at most. */
import { type DeviceContext, defineDriver, EAGAIN, EBUSY, EFAULT, ENOMEM, type Mirror, type Range } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

function fill(dev: DeviceContext, mirror: Mirror, range: Range): number {
  for (let chain = 1; ; chain++) {
    if (!dev.hmm.rangeWaitUntilValid(range)) return dev.hmm.mirrorMmIsAlive(mirror) ? 0 : -EFAULT // left to the replay
    if (dev.hmm.mirrorMmDownRead(mirror) !== 0) return -EFAULT
    const filled = dev.hmm.rangeFault(range, chain % 2 === 0)
    if (filled !== -EAGAIN) dev.hmm.mirrorMmUpRead(mirror)
    if (filled < 0 && filled !== -EAGAIN && filled !== -EBUSY) return filled
    if (filled >= 0) {
      dev.lock(mirror)
      const installed = dev.hmm.rangeValid(range) ? dev.install(range) : null
      dev.unlock(mirror)
      if (installed !== null) return installed < 0 ? -ENOMEM : 0
    }
    dev.countRetry(mirror, chain)
  }
}

export default defineDriver({
  ...svm,
  name: 'of-2019',
  serviceFault: (dev, mirror, fault) => serveWith(dev, mirror, fault, fill),
})
