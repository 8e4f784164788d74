/** Race 10: the faults of several cpus on one page of device memory undo each other's migration. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 10,
  id: 'devpriv-fault-stampede',
  title: "the faults of several cpus on one page of device memory undo each other's migration",
  generation: ['GI', 'MM'],
  oracles: ['PROG'],
  depth: 2,
  history: 'the cure of race 9, until March 2025',
  correct: 'take the lock before the reference: only one fault holds the page',
  fault: 'take the reference first: the migration finds one too many and gives up',
  interleaving: [
    'cpu 1: a reference',
    'cpu 2: a reference',
    'cpu 1: locks, migrates: too many references, gives up, faults again: a reference',
    'cpu 2: locks, migrates: too many references, and so on',
  ],
  edit: {
    file: 'shared/mm/devicefault.js',
    replace: [
      [
        '    if (!frameTryLock(task, frame)) {\n        unlockLeaf(task, leaf);\n        frameWaitUnlocked(task, frame);\n        return FAULT.done;\n    }\n    frameGet(task, frame);\n    unlockLeaf(task, leaf);\n',
        '    frameGet(task, frame);\n    unlockLeaf(task, leaf);\n    while (!frameTryLock(task, frame)) frameWaitUnlocked(task, frame);\n',
      ],
    ],
  },
})
