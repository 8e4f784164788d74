/** Race 46: one driver's callback waits for another driver, and that one waits for the invalidation. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 46,
  id: 'cross-driver-wait-cycle',
  title: "a callback waits for another driver's pin, and whoever has that waits for the invalidation to end",
  generation: ['DRV'],
  oracles: ['DLK'],
  depth: 1,
  history: "xen/gntdev until June 2022: i915's callback waited for its pages, and it for i915's",
  correct: 'a callback waits for nothing that others hold',
  fault: 'wait until nobody else has the pages',
  interleaving: [
    'device 1: its fault service pins the buffer',
    'invalidation: starts; the callback of device 0 waits for the pin',
    'device 1: its fault service begins, and waits for the invalidation to end',
  ],
  family: 'svm',
})
