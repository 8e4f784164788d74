/** Race 4: the remover looks at the sequence without the lock. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 4,
  id: 'interval-remove-unlocked-predicate',
  title: 'a remover sees the sequence move on while its node is still queued',
  generation: ['GI'],
  oracles: ['LIFE', 'CON'],
  depth: 3,
  history: 'mmu_interval_notifier_remove until April 2022, seen under stress only',
  correct: 'look at the sequence with the lock that the end holds while it does the deferred list',
  fault: 'look without it',
  interleaving: [
    'remover: finds an invalidation running, queues its removal, drops the lock',
    'invalidation: end, takes the lock, moves the sequence on',
    'remover: sees that, returns, frees the record',
    'invalidation: takes the freed record out of the tree',
  ],
  search: { strategy: 'dfs', preemptions: 3 },
  actors: { setup: 'setUp', threads: ['invalidator', 'remover'], words: 16 },
  edit: {
    file: 'shared/notifier/subscriptions.js',
    replace: [
      // The lock made the deferred list one step with the sequence; without it, looking at the list is a step of its own.
      [
        'atomicStore(task, subs + SEQ, seq + 1);',
        'atomicStore(task, subs + SEQ, seq + 1);\n    atomicLoad(task, subs + DEFERRED);',
      ],
      [
        'spinLock(task, subs + LOCK, SUBSCRIPTIONS);\n        const moved = atomicLoad(task, subs + SEQ) !== seq;\n        spinUnlock(task, subs + LOCK);\n        return moved;',
        'return atomicLoad(task, subs + SEQ) !== seq;',
      ],
    ],
  },
})
