/** Race 19: the OOM reaper clears entries and tells nobody. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 19,
  id: 'reaper-without-notifier',
  title: 'the OOM reaper clears entries and tells nobody',
  generation: ['MM'],
  oracles: ['PG', 'SUB'],
  depth: 1,
  history: 'the OOM reaper of 4.6 to 4.14',
  correct: 'every path that clears a present entry opens a window around it',
  fault: 'zap without start and end',
  interleaving: ['reaper: clears the entry, frees the frame', 'device: writes through its own'],
  edit: {
    file: 'shared/mm/reap.js',
    replace: [
      ['if (invalidateRangeStartNonblock(task, range) !== 0)\n        return false;\n', ''],
      ['    invalidateRangeEnd(task, range);\n', ''],
    ],
  },
})
