/** Race 55: what is asked of a page is overwritten before it is read. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 55,
  id: 'write-upgrade-lost',
  title: 'the array of requests is cleared before it is read, and a write is served as a read',
  generation: ['G16'],
  oracles: ['PROG', 'PERM'],
  depth: 1,
  history: 'hmm_vma_fault until April 2018: the array is for requests on the way in, and for results on the way out',
  correct: 'read what is asked of a page before its result is written there',
  fault: 'clear the results first',
  interleaving: [
    'cpu: reads the page, which was never written: it has the page of zeros',
    'device: faults for writing; the request is lost, and the page is found, for reading',
    'fault service: the right that was asked is not there: tries again, for ever',
  ],
  family: 'svm',
})
