/** Race 16: a callback with nothing to do leaves before it has stored the sequence. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 16,
  id: 'setseq-forgotten',
  title: 'a callback that finds nothing mapped returns before it has stored the sequence',
  generation: ['GI', 'DRV'],
  oracles: ['PG', 'SUB'],
  depth: 2,
  history: 'UVM up to 530 had such early exits; hfi1 got a notifier in 2023 whose only work is to store the sequence',
  correct: 'store the sequence first: a fault may have read the page table already, and not have installed anything yet',
  fault: 'look at the device table first, and return when it is empty',
  interleaving: [
    'fault service: begins, reads the page table; its device table is still empty',
    'invalidation: nothing is mapped, so the callback returns; frees the frame, ends',
    'fault service: takes the lock, finds the sequence as it was, installs what it read',
    'device: reads through the entry',
  ],
  family: 'svm',
})
