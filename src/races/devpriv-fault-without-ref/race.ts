/** Race 9: the fault follows a device page that it holds nothing of. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 9,
  id: 'devpriv-fault-without-ref',
  title: 'a cpu fault follows a page of device memory without holding it',
  generation: ['GI', 'MM'],
  oracles: ['LIFE', 'PG', 'REF', 'CON'],
  depth: 2,
  history: 'do_swap_page until autumn 2022 (CVE-2022-3523)',
  correct: 'lock and reference the page while the page-table lock still proves that it is there',
  fault: 'drop the page-table lock first',
  interleaving: [
    'cpu 1: reads the device-private entry, drops the page-table lock',
    'cpu 2: brings the page home; the device page is free',
    'cpu 1: locks and references a free page, and hands it to the driver',
  ],
  edit: {
    file: 'shared/mm/devicefault.js',
    replace: [
      [
        'const frame = pteFrame(entry);\n    if (!frameTryLock',
        'const frame = pteFrame(entry);\n    unlockLeaf(task, leaf);\n    if (!frameTryLock',
      ],
      ['        unlockLeaf(task, leaf);\n        frameWaitUnlocked', '        frameWaitUnlocked'],
      ['    frameGet(task, frame);\n    unlockLeaf(task, leaf);\n', '    frameGet(task, frame);\n'],
    ],
  },
})
