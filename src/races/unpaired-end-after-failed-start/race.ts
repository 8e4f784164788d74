/** Race 8: one subscriber refuses, and those that did not are never told an end. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 8,
  id: 'unpaired-end-after-failed-start',
  title: 'one subscriber refuses an invalidation, and the others wait for its end',
  generation: ['MM'],
  oracles: ['LIN', 'CON', 'PROG'],
  depth: 1,
  history: 'classic notifiers until March 2021',
  correct: 'when one refuses, the end is told to all that were told the start',
  fault: 'the refusal is returned, and that is all',
  interleaving: [
    'the device of one subscriber: holds its lock',
    'reaper: start, non-blockable; one subscriber counts it, the other cannot have its lock and refuses',
    'reaper: leaves the pages alone; there is no end, and the count stays',
  ],
  search: { strategy: 'pct', depth: 2 }, // the holder is interrupted while it has the lock
  actors: { setup: 'setUp', threads: ['reaper', 'holder'], check: 'check', words: 32 },
  edit: {
    file: 'shared/notifier/classic.js',
    replace: [['if (refusers.length > 0)\n        endOpen(task, at, range, refusers);\n', '']],
  },
})
