/** Race 50: a write fault on an area that has become read-only is tried again for ever. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 50,
  id: 'readonly-vma-write-fault-spin',
  title: 'a fault for writing on a read-only area is tried again and again, with mmap_sem held',
  generation: ['G19'],
  oracles: ['PROG'],
  depth: 1,
  history: 'hmm_range_fault until Linux 5.4, August 2019',
  correct: "look at the area's rights first, and refuse what it does not allow",
  fault: 'fault, see that the right is not there, and fault again',
  interleaving: [
    'cpu: makes the area read-only',
    'device: faults for writing',
    'fault service: asks for a page that may be written, is told no, and asks again',
  ],
  family: 'svm',
})
