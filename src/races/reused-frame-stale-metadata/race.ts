/** Race 41: a page of device memory keeps the identity of its last owner. */
import { defineRace } from '../race.ts'

export default defineRace(import.meta.url, {
  number: 41,
  id: 'reused-frame-stale-metadata',
  title: 'a page of device memory keeps the identity of its last owner',
  generation: ['MM'],
  oracles: ['REF'],
  depth: 1,
  history: 'ZONE_DEVICE pages until July 2019: a mapping that was there already was taken for the right one',
  correct: 'a frame that is handed out names nobody; a page that comes to it makes it name its owner',
  fault: 'a frame of a device keeps the name when it is freed, and one that has a name is not given another',
  interleaving: [
    'one: its page moves to the device, and is unmapped: the frame is free, and still names it',
    'two: its page moves to the same frame, which has a name already',
    'whoever comes from the frame finds the first page, and never the second',
  ],
  edit: {
    file: 'shared/frame/frames.js',
    replace: [
      [
        '    words[at + MAPPING] = 0;\n    words[at + INDEX] = 0;\n',
        '    if (words[at + ZONE] === 0) words[at + MAPPING] = 0;\n',
      ],
      [
        '    task.words[at + MAPPING] = mapping;\n',
        '    if (mapping !== 0 && task.words[at + ZONE] !== 0 && task.words[at + MAPPING] !== 0)\n        return;\n    task.words[at + MAPPING] = mapping;\n',
      ],
    ],
  },
})
