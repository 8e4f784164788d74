/** Race 14: the sequence is read after the facts that it should protect. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 14,
  id: 'vma-facts-before-seq',
  title: 'rights are taken from the area, and the sequence is read afterwards',
  generation: ['DRV', 'GI'],
  oracles: ['PERM', 'SUB'],
  depth: 2,
  history: 'KVM on arm64 from its beginning to March 2023: size and kind of the area were looked up before the sequence was read',
  correct: 'begin the read before mmap_sem is given up, under which the area was looked at',
  fault: 'look at the area, give mmap_sem up, begin the read',
  interleaving: [
    'fault service: the area may be written; makes the page writable; gives mmap_sem up',
    'cpu: makes the area read-only; the whole invalidation passes',
    'fault service: begins its read, finds the frame, compares: nothing has happened; installs it for writing',
    'device: writes',
  ],
  family: 'svm',
  fixed: true,
})
