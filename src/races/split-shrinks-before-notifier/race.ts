/** Race 24: a block is shorter already, and its other half is not there yet. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 24,
  id: 'split-shrinks-before-notifier',
  title: 'a block is split in two steps, and an invalidation between them finds nobody for the upper half',
  generation: ['GI', 'DRV'],
  oracles: ['PG', 'CON'],
  depth: 2,
  history:
    'UVM 525 of November 2022 guards against callbacks that come while a block has its new end and the notifier its old one',
  correct: 'shrink the block and list its other half under one hold of the lock',
  fault: 'shrink the block, let go of the lock, list the other half later',
  interleaving: [
    'device: maps a page of the upper half',
    'cpu 1: splits: the block ends in front of that page now',
    'cpu 2: drops the page; the callback finds it in no block, and leaves it; the frame is freed',
    'cpu 1: lists the upper half',
    'device: reads through its entry',
  ],
  family: 'svm',
  fixed: true,
})
