/** Race 39: who waits for a page that a device had to itself locks one that was freed. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 39,
  id: 'exclusive-entry-without-ref',
  title: 'who waits for a page that a device had to itself locks one that was freed',
  generation: ['GI', 'MM'],
  oracles: ['LIFE', 'PG', 'REF'],
  depth: 3,
  history: 'remove_device_exclusive_entry until March 2023',
  correct: 'take a reference while the page-table lock proves that the page is there, then wait for its lock',
  fault: 'wait for the lock first',
  interleaving: [
    'cpu 1 and cpu 2: read the exclusive entry, drop the page-table lock',
    'cpu 1: locks the page, restores the entry, unlocks',
    'reclaim: puts the page out; its frame is free',
    'cpu 2: locks a free frame',
  ],
  edit: {
    file: 'shared/mm/exclusive.js',
    replace: [
      [
        '    frameGet(task, frame);\n    unlockLeaf(task, leaf);\n    frameLock(task, frame);',
        '    unlockLeaf(task, leaf);\n    frameLock(task, frame);\n    frameGet(task, frame);',
      ],
    ],
  },
})
