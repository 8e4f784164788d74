/** Race 1: a range that an invalidation spoilt is valid again when the invalidation ends. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 1,
  id: 'valid-flag-aba',
  title: 'the end of an invalidation makes what was filled before it valid again',
  generation: ['G19'],
  oracles: ['PG', 'SUB', 'PERM'],
  depth: 2,
  history: 'hmm_range of Linux 4.20 to 5.4, until interval notifiers took its place in 5.5',
  correct: 'what was filled is valid only while no invalidation has started since the fill began',
  fault: 'a flag, lowered by the start and raised again by the end, says whether it is valid',
  interleaving: [
    'fault service: waits until the range is valid, reads the page table entry',
    'invalidation: start; the range is not valid; nothing is mapped yet that the driver could take away',
    'invalidation: clears the entry, frees the frame; end; the range is valid again',
    'fault service: takes the lock; the range is valid; installs what it read',
    'device: writes to a page that is free by now',
  ],
  edit: {
    file: 'shared/hmm/rangestate.js',
    replace: [
      [
        'return atomicLoad(task, rangeValidityAt(range)) !== RANGE_STATE.filling;',
        'return rangeState(task, range) === RANGE_STATE.invalid;',
      ],
      [
        'return atomicLoad(task, rangeValidityAt(range)) === RANGE_STATE.filled;',
        'return rangeState(task, range) !== RANGE_STATE.invalid;',
      ],
    ],
  },
})
