/**
 * What may a set-up leave for the threads? Files whose mapping is gone, a forked child, device memory, swap: the audits after each
 * schedule and after the teardown know who holds what, so a correct run is clean.
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'

type Tester = { same(found: unknown, wanted: unknown): boolean }

async function clean(t: Tester, text: string): Promise<void> {
  const result = await explore({ scenario: parseConcurrent('x.scn', text), schedules: 200, teardownEvery: 1 })
  t.same([result.violation?.message, result.cut_off], [undefined, 0])
}

t.test('files and a child', (t) =>
  clean(
    t,
    `scenario files
device 0 svm
setup
  mmap A 2 rw memfd
  store A 0 7
  mmap B 2 rw private
  store B 1 9
  fork => ok P1
  munmap A 0 1
thread one cpu
  a: load B 1
  munmap A 1 1
  store B 1 5
thread two cpu
  mmap C 1 rw private
  store C 0 1
  madvise B 0 2 dontneed
thread gpu dev 0
  dadd 0 B 1 1 3
expect
  a is 9 or 0 or 12 or 3
`,
  ),
)

t.test('the test device, its memory, and ioctls from a cpu thread', (t) =>
  clean(
    t,
    `scenario migration
device 0 mirror memory=8
setup
  mmap A 2 rw private
  store A 0 7
  store A 1 8
thread mover cpu
  m: migrate_dev 0 A 0 2
  r: dread 0 A 0 2
thread user cpu
  l: load A 0
  store A 1 3
expect
  l is 7
  final load A 0 is 7
  final load A 1 is 3
`,
  ),
)

t.test('a set-up that does not hold is named by its line', async (t) => {
  const text = 'scenario x\nsetup\n  mmap A 1 r private => ok\n  store A 0 1 => ok\nthread a cpu\n  load A 0\n'
  await t.rejects(explore({ scenario: parseConcurrent('x.scn', text) }), {
    message: 'x.scn:4: the set-up expects ok, and got SIGSEGV',
  })
})
