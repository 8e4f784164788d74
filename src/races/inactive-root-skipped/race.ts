/** Race 22: a table that is being given up is not invalidated any more. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 22,
  id: 'inactive-root-skipped',
  title: 'a callback skips a table that is being given up, and half of that is still in use',
  generation: ['DRV'],
  oracles: ['PG', 'DIRTY'],
  depth: 2,
  history: "KVM's TDP MMU on x86 until March 2022: roots marked invalid were not zapped, while their teardown yielded",
  correct: 'take the pages from every table that the hardware, or the teardown, can still reach',
  fault: 'skip tables that are marked as dying',
  interleaving: [
    'device: has mapped the second page',
    'cpu 1: gives the table up: marks it, takes the first page away, lets go of the lock',
    'cpu 2: drops the second page; the callback skips the table; the frame is freed',
    'device: reads through its entry',
    'cpu 1: takes the second page away',
  ],
  family: 'svm',
  fixed: true,
})
