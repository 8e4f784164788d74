/** Race 36: a directory of the mirror table is freed while a walker looks at it. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 36,
  id: 'dir-freed-before-grace',
  title: 'a directory of the mirror table is freed while a walker looks at it',
  generation: ['G15'],
  oracles: ['LIFE'],
  depth: 2,
  history: 'HMM page table of 2015, the point of its review',
  correct: 'free a dead directory after a grace period',
  fault: 'free it at once',
  interleaving: [
    'device: loads the link to the directory',
    'munmap: clears its last entry; the directory dies, and is freed',
    'device: reads an entry of it',
  ],
  edit: {
    file: 'shared/hmm/iterator.js',
    replace: [
      [
        'deferFreeAll(this.task, this.dead.splice(0));',
        'for (const { object } of this.dead.splice(0)) freeDirectory(this.task, this.table.geometry, object);',
      ],
    ],
  },
})
