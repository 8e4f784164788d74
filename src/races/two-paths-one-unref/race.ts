/** Race 32: an invalidation and the end of a use drop the same reference. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 32,
  id: 'two-paths-one-unref',
  title: 'two paths find the same pointer, and both drop the one reference behind it',
  generation: ['DRV'],
  oracles: ['LIFE', 'REF'],
  depth: 2,
  history:
    "amdkfd's SVM until November 2023: the notifier and the callback of a freed page both dropped the buffer in video memory",
  correct: 'take the pointer out in one step, and drop what was taken out',
  fault: 'look at the pointer, drop, clear it',
  interleaving: [
    'invalidation: the callback finds the buffer',
    'cpu: unbinds, and finds the buffer as well',
    'both drop the reference of the span; the second one drops it from a buffer that is gone',
  ],
  family: 'svm',
  fixed: true,
})
