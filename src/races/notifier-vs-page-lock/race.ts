/** Race 45: a page is waited for under the lock that whoever has the page may want. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 45,
  id: 'notifier-vs-page-lock',
  title: 'a driver waits for a locked page with the lock held that its callback takes',
  generation: ['GI', 'DRV'],
  oracles: ['DLK'],
  depth: 2,
  history: "xe's user pointers in April 2025, by the cure of touched-unowned-frame; i915 in 2019, the other way round",
  correct: 'take no page lock inside the notifier lock: that a page was written is handed over when its entry goes',
  fault: 'mark pages as written by a call that locks them, with the notifier lock held',
  interleaving: [
    'reclaim: has locked a page that is mapped twice, and has taken it from the first mapping',
    'fault service: takes the driver lock, and waits for the page',
    'reclaim: takes it from the second mapping; the callback wants the driver lock',
  ],
  family: 'svm',
})
