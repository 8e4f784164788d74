/** Race 35: a command of a child works on the mirror of its parent. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 35,
  id: 'fork-shares-context',
  title: "a file that a child inherited acts on the parent's mirror",
  generation: ['G15', 'DRV'],
  oracles: ['LIN'],
  depth: 1,
  history: 'HMM of 2015 asked who may use a mirror; drivers answered it one by one',
  correct: 'a command is for the address space of who gives it',
  fault: 'take the mirror of who opened the device first',
  interleaving: [
    'parent: opens the device',
    'parent: forks',
    'child: has the device write a page',
    'parent: reads what the child wrote',
  ],
  family: 'mirror',
})
