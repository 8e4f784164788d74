/**
 * Does what fails come to an answer, and to nothing else? Allocations fail by a share (`allocations fail=`), by chance of the schedule's
 * number, so that a replay has the same ones. Set-up and audit are spared.
 */
import t from 'tap'
import { explore, parseConcurrent, replay } from '../../src/index.ts'
import { faulty } from './campaigns.ts'

const SPLITS = `scenario splits
allocations fail=1
setup
  mmap A 3 rw private
  store A 0 7
thread one cpu
  f: fork
  m: mprotect A 1 1 r
  u: munmap A 1 1
  s: store A 0 8
expect
  f is ENOMEM
  m is ENOMEM
  u is ENOMEM
  s is ok
  final load A 0 is 8
`

t.test('every allocation fails: who needs one is told, and has changed nothing', async (t) => {
  const result = await explore({ scenario: parseConcurrent('splits.scn', SPLITS), schedules: 20 })
  t.equal(result.violation?.message, undefined)
  t.equal(result.schedules, 20)
})

t.test('a share of them fails: another one in each schedule, and the same one in a replay', async (t) => {
  const half = SPLITS.replace('fail=1', 'fail=0.5').replace(/expect[\s\S]*/, 'expect\n  outcome f=ok m=ok u=ok\n')
  const result = await explore({ scenario: parseConcurrent('half.scn', half), schedules: 50, strategy: 'random' })
  t.equal(result.violation?.oracle, 'LIN', 'not all of them go well, and not always')
  const again = await replay(result.violation?.token as string)
  t.equal(again.same, true)
})

t.test('a find that needs a failure is shrunk with it', async (t) => {
  const text = `scenario gone
device 0 svm
allocations fail=0.1
setup
  mmap A 2 rw private
  store A 0 7
thread gpu dev 0
  dadd 0 A 0 1 1
thread user cpu
  madvise A 0 1 dontneed
  store A 0 9
`
  const scenario = parseConcurrent('gone.scn', text)
  const result = await explore({ scenario, drivers: faulty('checks-before-the-lock'), schedules: 3000, depth: 2 })
  t.ok(result.violation !== undefined)
  t.equal((await replay(result.violation?.token as string)).same, true)
})

t.test('a wrong share is one sentence', async (t) => {
  t.throws(
    () => parseConcurrent('x.scn', SPLITS.replace('fail=1', 'fail=2')),
    /allocations is: allocations fail=SHARE, from 0 to 1/,
  )
})
