/** Race 49: one error code says that mmap_sem is still held, and that it is not. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 49,
  id: 'two-meanings-one-errno',
  title: 'one error code says that mmap_sem is still held, and that it is not',
  generation: ['G19'],
  oracles: ['DLK', 'CON', 'PROG'],
  depth: 1,
  history: 'mm/hmm until July 2019, and three fixes of nouveau behind it',
  correct: 'one code when the lock is still held, another when it was dropped',
  fault: 'the same code for both',
  interleaving: [
    'fault service: hmm_range_fault finds the range invalid: -EAGAIN, and mmap_sem is still held',
    'fault service: takes -EAGAIN for "dropped", and begins again: mmap_sem is held twice',
    'munmap: waits for mmap_sem for ever',
  ],
  search: { strategy: 'pct', depth: 2 }, // the service is interrupted between waiting and filling
  family: 'svm',
  edit: {
    file: 'shared/hmm/hmmfault.js',
    replace: [['    if (result === -EAGAIN)\n        upRead(task, mmapSem(rangeMm(task, range)));\n', '']],
  },
})
