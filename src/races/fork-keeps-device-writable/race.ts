/** Race 21: fork write-protects the parent and does not tell the device. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 21,
  id: 'fork-keeps-device-writable',
  title: 'fork write-protects the parent and does not tell the device',
  generation: ['MM'],
  oracles: ['PERM', 'SUB', 'LIN'],
  depth: 1,
  history: 'hugetlb pages until 3.14',
  correct: 'fork opens a window over everything that becomes copy-on-write',
  fault: 'no window',
  interleaving: [
    'device: has a writable entry of the parent',
    'fork: write-protects the CPU entry, shares the frame',
    'device: writes',
    'child: reads what the parent wrote later',
  ],
  edit: {
    file: 'shared/mm/fork.js',
    replace: [
      ['    invalidateRangeStart(task, range);\n', ''],
      ['    invalidateRangeEnd(task, range);\n', ''],
    ],
  },
})
