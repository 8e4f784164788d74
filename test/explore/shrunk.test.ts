/**
 * Is a find as small as what went wrong? One in a scenario of 60 operations shrinks to a few of them and to a fifth of the steps, and
 * to no more preemptions than the race's depth and one; its oracle stays, and what is left is a scenario that replays.
 * `npm run test:shrinks` measures every source of finds.
 */
import t from 'tap'
import { explore, parseConcurrent, replay } from '../../src/index.ts'
import { LONG, sources } from './finds.ts'
import { shrinkageOf } from './shrinkage.ts'

t.test('sixty random operations', async (t) => {
  const source = (await sources()).find(({ name }) => name === 'random, begin-under-lock')
  if (source === undefined) throw new Error('there is no such source')
  const whole = await explore({ ...source.options(1), shrink: false })
  const { violation } = await explore(source.options(1))
  if (violation === undefined) throw new Error('nothing was found')
  t.equal(violation.oracle, whole.violation?.oracle)
  t.equal(violation.found.operations, LONG)
  t.ok(violation.operations <= 5, `${violation.operations} operations are left`)
  const { stepsLeft, preemptionsAboveDepth } = shrinkageOf(source, violation)
  t.ok(stepsLeft <= 0.2, `${violation.steps} of ${violation.found.steps} steps are left`)
  t.ok(preemptionsAboveDepth <= 1, `${violation.preemptions} preemptions are left`)
  const again = await replay(violation.token)
  t.equal(again.same, true)
})

t.test('pages go with what is done on them', async (t) => {
  const source = (await sources()).find(({ name }) => name === 'driver skips-the-check')
  const text = `scenario wide
device 0 svm
setup
  mmap A 4 rw private
  store A 0 1
  store A 3 7
thread dropper cpu
  madvise A 0 4 dontneed
thread gpu dev 0
  dread 0 A 2 2
  dread 0 A 2 2
`
  const { drivers } = source?.options(1) ?? {}
  const scenario = parseConcurrent('wide.scn', text)
  const { violation } = await explore({ scenario, schedules: 3000, ...(drivers === undefined ? {} : { drivers }) })
  const { subject } = violation?.recording ?? {}
  t.match(subject?.kind === 'scenario' ? subject.text : '', /mmap A 1 rw private\n(?:.*\n)* {2}madvise A 0 1 dontneed\n/)
})
