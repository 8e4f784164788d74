/** Race 53: a fault that waits in the queue outlives the memory it is about. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 53,
  id: 'stale-fault-after-unmap',
  title: 'a late report of a fault is served after its memory was unmapped, and ends the context',
  generation: ['DRV'],
  oracles: ['LIN', 'CON'],
  depth: 1,
  history: 'amdkfd from 2021 to June 2026, in several commits about stale retry faults',
  correct: 'note up to which fault the device was served, and drop what is not younger',
  fault: 'serve it',
  interleaving: [
    'device: faults on a page, and reports it twice; the first report is served, and the access is done',
    'cpu: unmaps the page, which nobody uses any more',
    'fault service: serves the second report: no area; the context is ended',
    'device: an access to other memory is refused',
  ],
  search: { strategy: 'pct', depth: 2 }, // the service stands still after it has served the first report
  family: 'svm',
  fixed: true,
})
