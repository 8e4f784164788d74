/** Race 25: "this invalidation is mine", and it was somebody else's as well. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 25,
  id: 'ignore-own-invalidation-too-wide',
  title: 'a driver ignores what its own fault changes, for all of its devices',
  generation: ['GI', 'DRV'],
  oracles: ['SUB', 'LIN', 'PG'],
  depth: 1,
  history:
    "UVM 525 to 530: a mark on the thread had callbacks ignored while it faulted pages in; 535 allows it under the block's lock only",
  correct: 'ignore only what is seen to elsewhere for certain: the own event, the own pages, the lock held',
  fault: 'ignore everything that this thread causes while it faults in',
  interleaving: [
    'device 0: maps the page of zeros for reading',
    "device 1: writes; its fault service marks its thread and faults in: the CPU's entry changes to a page of its own",
    'callback for device 0: sees the mark, and ignores it',
    'device 0: reads the page of zeros, for ever',
  ],
  family: 'svm',
})
