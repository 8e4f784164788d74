/** Race 18: a callback that finds no memory says that it is done. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 18,
  id: 'callback-bails-on-alloc-failure',
  title: 'a callback needs memory, finds none, and leaves the pages to the device',
  generation: ['DRV'],
  oracles: ['PG', 'REF'],
  depth: 1,
  history: 'readable in UVM 595: its interval callback allocates a context, and answers done when it cannot',
  correct: 'a callback needs no memory; or without it, it takes everything away',
  fault: 'return early, as if there were nothing to do',
  interleaving: [
    'cpu 1: drops a page; the callback has the one context that there is',
    'cpu 2: drops the other page; the callback finds no context and returns; the frame is freed',
    'device: reads the other page through its entry',
  ],
  search: { strategy: 'pct', depth: 2 }, // the first callback stands still while it has the context
  family: 'svm',
})
