/** Race 52: a callback waits for work that waits for the callback. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 52,
  id: 'flush-work-cycle',
  title: 'release waits for work, work waits for the end of what release is in',
  generation: ['DRV', 'GI'],
  oracles: ['DLK', 'WAKE'],
  depth: 2,
  history: 'amdkfd until 2024, twice',
  correct: 'a callback waits for nothing that waits for callbacks to end',
  fault: 'flush the work queue in the callback',
  interleaving: [
    'service: takes the work, and begins to read: a change is running, so it sleeps until that ends',
    'munmap: start; its callback flushes the queue, and sleeps until the work is done',
  ],
  family: 'svm',
})
