/** Race 34: the flag that stops faults is also the one that says who frees. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 34,
  id: 'dying-flag-skips-cleanup',
  title: 'what is dying is left to somebody who frees it, and there is nobody',
  generation: ['DRV'],
  oracles: ['REF'],
  depth: 1,
  history: "RDMA/mlx5's implicit regions until August 2019: exit marked the children, and closing skipped those that were marked",
  correct: 'one flag refuses faults; who frees a region is told by who takes it out of its table',
  fault: 'one flag for both',
  interleaving: [
    'cpu 1: unmaps the memory; the callback marks the region as dying, so that faults are refused',
    'cpu 2: deregisters: the region is dying, so it is skipped',
    'nobody frees it',
  ],
  search: { teardownEvery: 1 }, // what was not freed shows when everything is closed
  family: 'svm',
  fixed: true,
})
