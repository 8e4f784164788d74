/** Race 7: a callback that may not wait reports success without having stopped the device. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 7,
  id: 'nonblock-start-lies',
  title: 'a callback that may not sleep says the device has stopped, and it has not',
  generation: ['G19', 'DRV'],
  oracles: ['PG', 'PERM', 'SUB'],
  depth: 1,
  history: 'hmm_mirror until June 2019: a shadowed variable lost the inner refusal',
  correct: 'refuse: the reaper then leaves the pages alone',
  fault: 'swallow the refusal',
  interleaving: [
    'fault service: holds the driver lock',
    'reaper: start, non-blockable; the callback cannot have the lock and reports success',
    'reaper: clears the entry, frees the frame',
    'device: still has its entry, and writes',
  ],
  search: { strategy: 'pct', depth: 2 }, // the fault service is interrupted while it has the lock
  family: 'svm',
})
