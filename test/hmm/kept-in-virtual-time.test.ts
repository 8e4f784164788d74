/**
 * Under a scheduler there is no time but what naps make: the service's looks after kept directories are naps, which end when nobody
 * else can move. So every schedule ends with nothing kept, and a device, a cpu and the service meet in every order on the way.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { liveCounts } from '../../shared/frame/objects.ts'
import { KEEP_MS } from '../../shared/hmm/kept.ts'
import type { MirrorReclaim } from '../../shared/hmm/mirrorreclaim.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import { NOW_US } from '../../shared/seam/batonword.ts'
import { Runs } from '../../src/explore/runs.ts'
import { prepareScenario, readScenario } from '../../src/explore/subjects.ts'
import { explore } from '../../src/index.ts'

const file = fileURLToPath(
  new URL('../explore/scenarios/emptied-directory-is-kept.scn', import.meta.url.replace('/dist/test/', '/test/')),
)
/** In one order: filled, then emptied. */
const EMPTIED = `scenario emptied
notifier inline
device 0 svm
setup
  mmap A 4 rw private => ok
  store A 0 7 => ok
thread gpu dev 0
  first: dread 0 A 0 1
thread dropper cpu
  after first
  madvise A 0 4 dontneed
`
const strategy: Strategy = { name: 'random', seed: 1, depth: 1, preemptions: 0, loose: false }

/** What is left when one schedule is over and nobody can move, the device still open. */
async function afterEmptying(
  t: Pick<typeof import('tap').t, 'testdir'>,
  mirrorReclaim: MirrorReclaim,
): Promise<{ leaves: number; ms: number }> {
  const { stage } = prepareScenario({
    ...readScenario(join(t.testdir({ 'emptied.scn': EMPTIED }), 'emptied.scn')),
    mirrorReclaim,
  })
  const runs = new Runs(stage)
  try {
    const { violation } = await runs.run({ strategy, count: 1, teardownEvery: 0 })
    if (violation !== null) throw new Error(violation.message)
    const { task } = runs
    return {
      leaves: liveCounts(task).get('mirror leaf directory') as number,
      ms: (task.words[regionAt(task.words, 'scheduler') + NOW_US] as number) / 1000,
    }
  } finally {
    await runs.close()
  }
}

t.test('the service ends the keeping, in virtual time', async (t) => {
  const delayed = await afterEmptying(t, 'delayed')
  t.ok(delayed.ms >= KEEP_MS && delayed.ms <= 2 * KEEP_MS, `${delayed.ms} ms went by`)
  const immediate = await afterEmptying(t, 'immediate')
  t.equal(immediate.ms, 0, 'without it no time passes')
  t.equal(delayed.leaves, 0, 'and the directory is gone')
})

t.test('clean in a thousand schedules, with everything given back after each sixteenth', async (t) => {
  const result = await explore({ scenario: file, schedules: 1000, jobs: 1 })
  t.equal(result.violation?.message, undefined)
  t.equal(result.schedules, 1000)
})

t.test('keeping needs time: a scenario cannot do without', (t) => {
  const folder = t.testdir({
    'no-time.scn': 'scenario x\ntimeouts off\nmirror-reclaim delayed\nthread a cpu\n  munmap A 0 1\n',
    'some.scn': 'scenario x\nmirror-reclaim sometimes\n',
  })
  t.throws(() => readScenario(join(folder, 'no-time.scn')), { message: /timeouts cannot be off/ })
  t.throws(() => readScenario(join(folder, 'some.scn')), { message: /immediate or delayed/ })
  t.end()
})
