/** Race 42: a page is mapped though the copy to it failed. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 42,
  id: 'copy-failure-published',
  title: 'a page is mapped though the copy to it failed',
  generation: ['DRV', 'GI'],
  oracles: ['SEC', 'LIN', 'SUM'],
  depth: 1,
  history: 'nouveau_dmem until 2024 (CVE-2024-50096)',
  correct: 'look at what became of the copy; map the page only when it was made',
  fault: 'take a copy that was queued for one that was made',
  interleaving: [
    'fault service: takes a frame of the device, queues the copy',
    'copy engine: fails',
    'fault service: maps the frame',
    'device: reads what was in it',
  ],
  edit: {
    file: 'shared/drivers/svm/supply.js',
    replace: [
      [
        '        if (done[i] === true)\n            dev.memory.setTarget(migration, page, to);\n        else\n            dev.memory.freePage(to);',
        '        dev.memory.setTarget(migration, page, to);',
      ],
    ],
  },
})
