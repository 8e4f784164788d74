/** Race 20: small pages become a huge one, and the device keeps the small ones. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 20,
  id: 'collapse-without-notifier',
  title: 'small pages become a huge one, and the device keeps the small ones',
  generation: ['MM'],
  oracles: ['LIN', 'PG', 'SUB'],
  depth: 1,
  history: 'khugepaged on files until November 2022 (CVE-2022-48991)',
  correct: 'open a window around taking the table away, though no right changes',
  fault: 'take it away silently',
  interleaving: [
    'collapse: copies 512 pages into a huge one, frees them',
    'device: writes to the frame it had',
    'cpu: reads the huge page: the write is missing',
  ],
  edit: {
    file: 'shared/mm/collapse.js',
    replace: [
      ['    invalidateRangeStart(task, range);\n', ''],
      ['    invalidateRangeEnd(task, range);\n', ''],
    ],
  },
})
