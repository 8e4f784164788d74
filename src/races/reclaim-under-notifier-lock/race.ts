/** Race 47: memory is allocated under the lock that reclaim needs. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 47,
  id: 'reclaim-under-notifier-lock',
  title: "pages are allocated under the driver lock, and reclaim calls the driver's callback",
  generation: ['GI', 'DRV'],
  oracles: ['DLK'],
  depth: 1,
  history:
    "amdgpu's eviction lock, whose code drops it around the allocation of tables; xe marks its notifier lock as one that reclaim takes",
  correct: 'allocate before the lock is taken, or let go of it, allocate, take it again and compare again',
  fault: 'allocate with the lock held',
  interleaving: [
    'device: faults on a page that is not there; memory is out',
    'fault service: takes the driver lock, allocates, reclaims',
    'reclaim: takes a page that the device has mapped; the callback wants the driver lock, which its own thread holds',
  ],
  family: 'svm',
})
