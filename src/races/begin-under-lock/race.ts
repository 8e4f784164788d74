/** Race 48: a fault service waits for an invalidation to end, with the lock that it needs to end. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 48,
  id: 'begin-under-lock',
  title: 'a read begins, and may wait for an invalidation, with the driver lock held',
  generation: ['GI'],
  oracles: ['DLK'],
  depth: 2,
  history: 'a duty that the kernel and UVM spell out; nouveau mixed up its locks in this way until 2019',
  correct: 'begin, then take the lock',
  fault: 'take the lock, then begin',
  interleaving: [
    'invalidation: starts; its callback has not run yet',
    'fault service: takes the driver lock, begins, and sleeps until the invalidation is over',
    'invalidation: the callback wants the driver lock; the end never comes',
  ],
  family: 'svm',
})
