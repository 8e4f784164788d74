/** Race 13: the cache is emptied before the invalidation is announced. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 13,
  id: 'invalidate-before-count',
  title: 'a callback takes the pages away, and only then says that an invalidation is running',
  generation: ['DRV'],
  oracles: ['PG'],
  depth: 2,
  history: "KVM's cache of guest pages until May 2022: marked invalid first, the count of running invalidations raised later",
  correct: 'who fills the cache again must see the invalidation that emptied it: announce, then empty',
  fault: 'empty, let go of the lock, take it again, announce',
  interleaving: [
    'invalidation: the callback empties the table, and lets go of the lock',
    'fault service: no invalidation is announced: reads the page table, takes the lock, compares, installs',
    'invalidation: takes the lock and announces itself; frees the frame',
    'device: reads through the entry',
  ],
  family: 'svm',
})
