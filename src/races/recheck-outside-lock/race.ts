/** Race 3: the sequence is compared, and only then the lock is taken. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 3,
  id: 'recheck-outside-lock',
  title: 'the sequence is compared before the lock is taken under which it means something',
  generation: ['GI', 'DRV'],
  oracles: ['PG', 'PERM', 'SUB', 'CON'],
  depth: 2,
  history: 'hfi1 until January 2023, the KFD userptr path of amdgpu until November 2022',
  correct: 'take the lock that the callback takes, compare, install, and only then let go of it',
  fault: 'compare, then take the lock',
  interleaving: [
    'fault service: reads the sequence and the page table entry, compares: nothing has happened',
    'invalidation: takes the lock, stores its sequence, finds nothing mapped, lets go',
    'fault service: takes the lock, installs what it read',
    'invalidation: frees the frame',
    'device: writes through the entry',
  ],
  family: 'svm',
})
