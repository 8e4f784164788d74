/** Race 58: a span is moved while an invalidation of it is counted. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 58,
  id: 'counter-not-reset-on-reregister',
  title: 'a span is moved between the start and the end of an invalidation, and its count stays',
  generation: ['DRV'],
  oracles: ['PROG', 'CON'],
  depth: 2,
  history: 'vhost in August 2019, one of nine repairs; the fast path went a month later',
  correct: 'remember what was counted, or count for each registration anew',
  fault: 'look at the end whether the span matches, as at the start',
  interleaving: [
    'invalidation: start: the span has the page, the count is 1',
    'cpu: moves the span',
    'invalidation: end: the span does not have the page, the count stays',
    'fault service: waits until no invalidation runs, for ever',
  ],
  family: 'svm',
  fixed: true,
})
