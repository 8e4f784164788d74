/** Race 5: the record behind a notifier is freed while a walker still has it. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 5,
  id: 'hmm-freed-before-grace',
  title: 'the record behind a notifier is freed while a walker still has it',
  generation: ['G16', 'G19'],
  oracles: ['LIFE'],
  depth: 2,
  history: 'mm/hmm until June 2019 (5.3): the notifier was unlinked, and what it was in freed at once',
  correct: 'wait for all who may walk the list, then free',
  fault: 'unlink, and free at once',
  interleaving: [
    'munmap: enters the section, picks the notifier of the hmm',
    'close: unlinks the last mirror and the notifier, frees the hmm',
    'munmap: calls the callback, which locks a mutex in freed memory',
  ],
  edit: {
    file: 'shared/notifier/classic.js',
    replace: [['    srcuSynchronize(task, at);\n    mmDrop(task, mm);', '    mmDrop(task, mm);']],
  },
})
