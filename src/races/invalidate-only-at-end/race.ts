/** Race 12: devices are told when the invalidation ends. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 12,
  id: 'invalidate-only-at-end',
  title: 'devices let go when an invalidation ends, and by then the page is free',
  generation: ['G16'],
  oracles: ['PG', 'PERM', 'DIRTY'],
  depth: 1,
  history: 'the first HMM of the mainline, 4.14 to 4.19, until October 2018',
  correct: 'devices let go at the start, before anything changes',
  fault: 'the start only counts; the callbacks run at the end',
  interleaving: [
    'invalidation: start; nobody is told',
    'invalidation: clears the entry, frees the frame',
    'device: writes through its entry',
    'invalidation: end; the device lets go',
  ],
  search: { strategy: 'pct', depth: 2 }, // the frame is free before the device writes, and the write comes before the end
  edit: {
    file: 'shared/notifier/invalidate.js',
    replace: [
      ['const result = dispatch(task, range) ?? runCallbacks(task, range);', 'const result = 0;'],
      [
        'invalidationEnd(task, rangeMm(task, range));\n    if (classic',
        'if (isInvalidating(rangeSeq(task, range))) dispatch(task, range) ?? runCallbacks(task, range);\n    invalidationEnd(task, rangeMm(task, range));\n    if (classic',
      ],
    ],
  },
})
