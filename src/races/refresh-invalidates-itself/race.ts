/** Race 51: a refresh does what it takes for a reason to begin again. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 51,
  id: 'refresh-invalidates-itself',
  title: 'a refresh empties the cache in its middle, finds that it was emptied, and begins again',
  generation: ['DRV'],
  oracles: ['PROG'],
  depth: 0,
  history: "KVM's cache of guest pages, on a branch of 2024: mapping the page had the cache invalidated",
  correct: 'what empties the cache is done before the refresh begins',
  fault: 'do it between the beginning and the check',
  interleaving: [
    'fault service: begins a refresh, reads the page table',
    'fault service: makes room for the page; that is an invalidation',
    'fault service: checks: invalidated meanwhile; begins again, for ever',
  ],
  search: { strategy: 'pct', depth: 1 },
  family: 'svm',
  fixed: true,
})
