/**
 * A directory dies when its last iterator leaves and no entry is valid, while others fill it, walk over it, or replace it. Two
 * threads: one schedule for every behaviour there is. Three, and two that both end a directory: every schedule with up to two
 * preemptions. What a step less would do: what-a-death-needs.test.ts.
 */
import t from 'tap'
import { type DirectoryCase, directoryMachine, KEEPING, searchDirectories } from '../support/directories.ts'

const TWO: readonly DirectoryCase[] = [
  { threads: ['clearFirst', 'fillSecond'] },
  { threads: ['clearFirstAndReap', 'walkAll'] },
  { threads: ['clearFirst', 'fillSecond'], setup: KEEPING },
  { threads: ['clearFirst', 'dropAllKept'], setup: KEEPING },
  { threads: ['clearFirst', 'walkAll'], setup: KEEPING },
]
const BOUNDED: readonly DirectoryCase[] = [
  { threads: ['clearFirst', 'populateAndLeave'] },
  { threads: ['clearFirst', 'fillSecond', 'populateAndLeave'] },
  { threads: ['clearFirstAndReap', 'fillSecond', 'walkAll'] },
  { threads: ['clearFirst', 'fillSecond', 'dropAllKept'], setup: KEEPING },
]

const right = directoryMachine()
t.teardown(() => right.close())

for (const one of TWO) {
  t.test(`${one.threads.join(' against ')}${one.setup === undefined ? '' : ', kept'}: every behaviour`, async (t) => {
    const report = await searchDirectories(right, 'dpor', one)
    t.equal(report.violation?.message, undefined)
    t.equal(report.exhausted, true, `${report.schedules} schedules`)
    t.ok(report.schedules > 10)
  })
}

for (const one of BOUNDED) {
  t.test(`${one.threads.join(', ')}${one.setup === undefined ? '' : ', kept'}: up to two preemptions`, async (t) => {
    const report = await searchDirectories(right, 'dfs', one)
    t.equal(report.violation?.message, undefined)
    t.equal(report.exhausted, true, `${report.schedules} schedules`)
    t.ok(report.schedules > 100)
  })
}
