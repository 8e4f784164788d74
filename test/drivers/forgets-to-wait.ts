/** A faulty svm for era two-pass: its second pass does not wait for the flush that its first pass began. */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'forgets-to-wait',
  invalidateFinish() {}, // the mistake: the engine may be using an entry that is gone
})
