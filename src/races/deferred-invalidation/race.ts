/** Race 17: a callback leaves its work to somebody who comes later. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 17,
  id: 'deferred-invalidation',
  title: 'a callback queues the unmapping, and returns as if it were done',
  generation: ['DRV'],
  oracles: ['PG'],
  depth: 1,
  history: "hfi1's receive cache from 2016 to January 2023: the callback asked user space to give the entries up",
  correct: 'when the callback returns, the device has stopped',
  fault: 'queue the work and return',
  interleaving: [
    'invalidation: the callback queues the unmapping, and returns',
    'invalidation: frees the frame',
    'device: reads through its entry',
    'service: takes the entry away',
  ],
  search: { strategy: 'pct', depth: 2 }, // the device maps the page first, and the service stands still from then on
  family: 'svm',
})
