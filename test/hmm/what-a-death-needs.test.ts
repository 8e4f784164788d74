/**
 * What does the death of a directory need each of its steps for? One is left out, and the exploration that is clean with it
 * (death-of-a-directory.test.ts) finds what that does.
 */
import t from 'tap'
import type { CoreEdit } from '../../src/races/edit.ts'
import { type DirectoryCase, directoryMachine, KEEPING, searchDirectories } from '../support/directories.ts'

const WRONG: readonly (DirectoryCase & { readonly name: string; readonly edit: CoreEdit; readonly finding: RegExp })[] = [
  {
    name: 'who dies clears the link without looking whom it names',
    threads: ['clearFirst', 'fillSecond'],
    edit: {
      file: 'shared/hmm/iterator.js',
      replace: [
        ['if (atomicLoad(task, at) === pdeOf(directory))\n            atomicStore(task, at, 0);', 'atomicStore(task, at, 0);'],
      ],
    },
    finding: /page 1 is lost/,
  },
  {
    name: 'a dead directory can be entered',
    threads: ['clearFirst', 'fillSecond'],
    edit: { file: 'shared/hmm/directory.js', replace: [['if (refs === 0)\n            return false;', '']] },
    finding: /page 1 is lost/,
  },
  {
    name: 'the dead are freed without a grace period',
    threads: ['clearFirstAndReap', 'walkAll'],
    edit: { file: 'shared/frame/deferred.js', replace: [[' && rcuPassed(task, get(task, object + GRACE))', '']] },
    finding: /mirror leaf directory is touched after it was freed/,
  },
  {
    name: 'who leaves gives the last reference to the list, and drops it as well',
    threads: ['clearFirst', 'walkAll'],
    setup: KEEPING,
    edit: {
      file: 'shared/hmm/iterator.js',
      replace: [['!keepDirectory(task, table.root, directory) && ', 'keepDirectory(task, table.root, directory) === null || ']],
    },
    finding: /a kept directory is alive/,
  },
]

for (const { name, edit, finding, ...one } of WRONG) {
  t.test(`found: ${name}`, async (t) => {
    const runs = directoryMachine(edit)
    t.teardown(() => runs.close())
    const report = await searchDirectories(runs, 'dpor', one)
    t.match(report.violation?.message, finding, `after ${report.schedules} schedules`)
  })
}
