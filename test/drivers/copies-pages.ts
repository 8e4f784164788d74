/** svm of era events with memory of its own: pages go there on the command migrate_dev, and come home when a cpu touches them. */
import { defineDriver, EBUSY, type Frame, HMM_COPY_TO_DEVICE } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'copies-pages',

  ioctl(dev, mirror, { start, pages }) {
    let errno = -EBUSY
    while (errno === -EBUSY) errno = dev.mirrorFault(mirror, { etype: HMM_COPY_TO_DEVICE, start, end: start + pages })
    return { errno, cpages: errno === 0 ? pages : 0, faults: 0 }
  },

  copyToDevice(dev, _mirror, _event, src, dst) {
    for (const [i, frame] of src.entries()) {
      if (frame < 0) continue
      const target = dev.memory.allocPage()
      if (target >= 0) dev.memory.copyPage(target as Frame, frame as Frame)
      dst[i] = target
    }
    return 0
  },

  copyFromDevice(dev, _mirror, _event, src, dst) {
    for (const [i, frame] of src.entries()) dev.memory.copyPage(dst[i] as Frame, frame as Frame)
    return 0
  },
})
