/** Race 11: TLBs are flushed when the page-table lock is already dropped. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 11,
  id: 'migrate-flush-after-unlock',
  title: 'cpu TLBs are flushed after the page-table lock is dropped',
  generation: ['MM', 'GI'],
  oracles: ['PG', 'LIN', 'SUM'],
  depth: 2,
  history: 'migrate_device.c until September 2022',
  correct: 'flush while the lock is held: who sees the entry gone sees the TLBs flushed',
  fault: 'unlock, then flush',
  interleaving: [
    'migration: entry -> migration entry, drops the page-table lock',
    'another cpu: finds nothing present in the span it drops, flushes nothing, returns',
    'a third cpu: writes through its TLB',
    'migration: flushes',
  ],
  edit: {
    file: 'shared/hmm/migratevma.js',
    replace: [
      [
        'if (flush)\n        flushTlb(task, mm);\n    unlockLeaf(task, leaf);',
        'unlockLeaf(task, leaf);\n    if (flush)\n        flushTlb(task, mm);',
      ],
    ],
  },
})
