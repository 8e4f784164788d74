/** Race 15: a mirror that joins between start and end takes what it reads for good. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 15,
  id: 'register-inside-window',
  title: 'a mirror that joins between start and end takes what it reads for good',
  generation: ['DRV', 'G15', 'GI'],
  oracles: ['PG', 'SUB'],
  depth: 2,
  history: 'ODP as posted in 2014, which says so; the list built against it raced as well, until 2018',
  correct: 'who joins while an invalidation runs waits for its end before it reads',
  fault: 'begin as if none ran',
  interleaving: [
    'munmap: start; nobody is subscribed',
    'open: subscribes',
    'fault service: begins, reads the entry of the page, installs it: nothing has changed since',
    'munmap: clears the entry, frees the frame',
    'device: touches it',
  ],
  edit: {
    file: 'shared/notifier/subscriptions.js',
    replace: [['if (get(task, subs + ACTIVE) > 0) {', 'if (get(task, subs + ACTIVE) > 0x7ffffff) {']],
  },
})
