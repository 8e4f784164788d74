/** Race 6: a refused invalidation keeps what it took. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 6,
  id: 'eagain-without-unwind',
  title: 'a callback refuses an invalidation and keeps what it had counted',
  generation: ['G19', 'DRV'],
  oracles: ['PROG', 'DLK', 'WAKE', 'CON'],
  depth: 2,
  history: 'twice in June 2019: hmm_invalidate_range_start kept its count, RDMA/odp its lock',
  correct: 'who refuses is told no end, so it takes everything back itself',
  fault: 'return early with the count raised',
  interleaving: [
    'fault service: holds the driver lock',
    'reaper: start, non-blockable; the callback raises its count, cannot have the lock, refuses',
    'reaper: leaves the pages alone, and sends no end',
    'fault service: waits for the count to be 0, for ever',
  ],
  family: 'svm',
})
