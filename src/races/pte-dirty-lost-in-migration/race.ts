/** Race 37: a page is moved, and that it was written is forgotten. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 37,
  id: 'pte-dirty-lost-in-migration',
  title: 'a page is moved, and that it was written is forgotten',
  generation: ['MM', 'GI'],
  oracles: ['DIRTY', 'LIN'],
  depth: 2,
  history: 'migrate_device.c until September 2022',
  correct: 'carry the dirty bit of the entry over to the page',
  fault: 'drop it with the entry',
  interleaving: [
    'cpu: declares the page clean (madvise free), and writes it again',
    'mover: replaces the entry; that it was dirty is lost',
    'reclaim: drops the page, which looks clean',
    'cpu: reads zeros',
  ],
  edit: {
    file: 'shared/mm/migration.js',
    replace: [
      [
        '    if ((entry & PTE_DIRTY) !== 0)\n        frameMarkDirty(task, frame);\n    storeEntry(task, at, makeEntry(PTE_KIND.migration, frame, entry & CARRIED));',
        '    storeEntry(task, at, makeEntry(PTE_KIND.migration, frame, entry & CARRIED & ~PTE_DIRTY));',
      ],
    ],
  },
})
