/** Race 33: two invalidations have the same child ended. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 33,
  id: 'child-destroyed-twice',
  title: 'two invalidations find a child empty, and both queue its end',
  generation: ['DRV'],
  oracles: ['LIFE', 'REF', 'DLK'],
  depth: 2,
  history: "RDMA/mlx5's implicit regions until January 2025; the cure made deregistration hang, and needed one of its own",
  correct: 'whoever takes the child out of the index, in one step, queues its end',
  fault: 'queue its end while it is in the index; it is taken out when the work is done',
  interleaving: [
    'cpu 1: drops a page; the callback finds the child empty, and queues its end',
    'cpu 2: drops the other page; the callback finds the child, still empty, and queues its end',
    'service: ends the child, twice',
  ],
  family: 'svm',
  fixed: true,
})
