/** Race 2: the callbacks run before the invalidation is announced. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 2,
  id: 'range-listed-after-callback',
  title: 'an invalidation is announced only after the callbacks ran',
  generation: ['G15'],
  oracles: ['PG', 'PERM', 'SUB'],
  depth: 2,
  history: 'found in review of the active-range list, December 2014; the same shape came back in KVM in 2022',
  correct: 'announce first, then the callbacks, then the entries',
  fault: 'callbacks first: between them and the announcement a fault sees no invalidation and the old entry',
  interleaving: [
    'invalidation: callbacks; the device lets go',
    'fault service: no invalidation is announced; reads the old entry, installs it',
    'invalidation: announces itself, clears the entry, frees the frame',
    'device: writes through its entry',
  ],
  edit: {
    file: 'shared/notifier/invalidate.js',
    replace: [
      [
        'const met = invalidationStart(task, mm, rangeStart(task, range), rangeLast(task, range));',
        'const met = firstSubscription(task, mm, rangeStart(task, range), rangeLast(task, range));',
      ],
      [
        'if (met === 0 && !classicConcerns(task, range))\n        return 0;',
        'if (met === 0) { invalidationStart(task, mm, rangeStart(task, range), rangeLast(task, range)); return 0; }',
      ],
      ['rangeSetSeq(task, range, met === 0 ? 0 : currentSeq(task, mm));', 'rangeSetSeq(task, range, currentSeq(task, mm) | 1);'],
      [
        'countStat(task, STAT.invalidations);',
        'invalidationStart(task, mm, rangeStart(task, range), rangeLast(task, range));\n    countStat(task, STAT.invalidations);',
      ],
    ],
  },
})
