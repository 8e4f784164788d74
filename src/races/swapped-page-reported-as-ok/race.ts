/** Race 56: a page that is put out is reported as nothing, with success. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 56,
  id: 'swapped-page-reported-as-ok',
  title: 'a page that is put out is reported as nothing, with success',
  generation: ['G19'],
  oracles: ['CON', 'LIN'],
  depth: 1,
  history: 'hmm_range_fault until autumn 2019, under memory pressure',
  correct: 'a swap entry needs a fault',
  fault: 'what is not empty and not present is not asked for again',
  interleaving: [
    'reclaim: puts the page out',
    'fault service: finds an entry that is not present, and is content',
    'device: has nothing, or what stands for nothing',
  ],
  edit: {
    file: 'shared/hmm/rangefault.js',
    replace: [['const needs = own ? NEEDS_NOTHING :', 'const needs = own || (entry !== 0 && !present) ? NEEDS_NOTHING :']],
  },
})
