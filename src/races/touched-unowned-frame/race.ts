/** Race 44: frames of a read that may be void are mapped for the device, and left so. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 44,
  id: 'touched-unowned-frame',
  title: 'frames that were read are mapped for DMA before the sequence is compared, and stay mapped when it has changed',
  generation: ['GI', 'DRV'],
  oracles: ['REF', 'PG', 'DIRTY'],
  depth: 2,
  history: "xe's user pointers until February 2025: the list of frames was walked without the notifier lock",
  correct:
    'nothing of the list is used unless the sequence has not changed; what was mapped on a guess is unmapped under the lock',
  fault: 'map, compare, begin again',
  interleaving: [
    'fault service: reads the page table, maps the frame for DMA',
    'invalidation: the frame goes to somebody else',
    "fault service: finds the sequence changed and begins again; the device's bus still reaches the frame",
  ],
  search: { teardownEvery: 1 }, // a mapping that is left shows when everything is closed
  family: 'svm',
  fixed: true,
})
