/** A faulty svm: it makes two ranges for each mirror and gives one back; and when there is no memory for the second, not even that. */
import { defineDriver, ENOMEM, type Range } from 'hmm-runtime/driver'
import svm, { SVM_FORMAT } from 'hmm-runtime/drivers/svm'

/** Behind the word that svm has its range in. */
const SECOND_WORD = 1

export default defineDriver({
  ...svm,
  name: 'leaks-at-detach',

  attach(dev, mirror) {
    const attached = svm.attach?.(dev, mirror) ?? 0
    if (attached !== 0) return attached
    const range = dev.createRange(1, SVM_FORMAT)
    if (range === 0) return -ENOMEM // a mistake: detach is not called for a mirror that was refused
    dev.store(dev.mirrorWord(mirror, SECOND_WORD), range)
    return 0
  },

  detach(dev, mirror) {
    dev.freeRange(dev.load(dev.mirrorWord(mirror, SECOND_WORD)) as Range) // a mistake: and the other one?
  },
})
