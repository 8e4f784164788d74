/** A faulty svm of era events: its update() answers before the device has let go; the work is left to the service. */
import { defineDriver, HMM_MUNMAP } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'keeps-what-it-was-shown',
  update(dev, mirror, event) {
    if (event.etype !== HMM_MUNMAP) return svm.update?.(dev, mirror, event) ?? 0
    dev.queueWork(0, event.start, event.end) // the mistake: 0 is answered now
    return 0
  },
  work() {},
})
