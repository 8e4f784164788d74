/** Race 23: a key goes back to the hardware, and invalidations still go to it. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 23,
  id: 'revoked-object-still-notified',
  title: 'an object is given back to the hardware while callbacks still use it',
  generation: ['DRV'],
  oracles: ['LIFE', 'CON'],
  depth: 2,
  history:
    'RDMA/mlx5 until January 2025: an invalidation updated a memory key that was gone, and the queue went into its error state',
  correct: 'take the object from the callbacks under their lock, and give it back afterwards',
  fault: 'give it back, and take it from the callbacks afterwards',
  interleaving: [
    'cpu 1: deregisters: the key is given back',
    "cpu 2: drops a page; the callback updates the key, which is somebody else's by now",
    'cpu 1: takes the key from the callbacks',
  ],
  family: 'svm',
  fixed: true,
})
