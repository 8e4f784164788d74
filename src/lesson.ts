/**
 * The lesson of `hmm new driver --lesson`: the driver of the templates with one mistake, put in as a race of the core is put in, by an
 * edit that must apply. A callback that has nothing to take away leaves before it has stored the sequence (known race 16).
 */
import type { CoreEdit } from './races/edit.ts'

export const LESSON: CoreEdit = {
  file: 'templates/driver/driver.js',
  replace: [
    [
      'const RANGE_WORD = 0\n',
      'const RANGE_WORD = 0\n/** Word of a mirror that is 1 once the device has been given a page. */\nconst USED_WORD = 1\n',
    ],
    [
      '    dev.setSeq(mirror, seq)\n    dev.unmap(mirror, dev.start(range), dev.last(range))\n',
      `    if (dev.load(dev.mirrorWord(mirror, USED_WORD)) !== 0) {
      dev.setSeq(mirror, seq)
      dev.unmap(mirror, dev.start(range), dev.last(range))
    }
`,
    ],
    [
      '        const installed = dev.install(range)\n',
      '        const installed = dev.install(range)\n        dev.store(dev.mirrorWord(mirror, USED_WORD), 1)\n',
    ],
  ],
}
