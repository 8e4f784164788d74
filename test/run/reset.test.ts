/** Is a machine that was reset the machine that was booted? Word for word, and a difference is found and named. */
import t from 'tap'
import { layoutDifference, layoutDigests } from '../../shared/check/layout.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { driverUrl, Machine, parseSequential } from '../../src/index.ts'
import { solo } from '../support/solo.ts'

const USES_MUCH = parseSequential(
  'a.scn',
  'mmap A 600 rw private\nmmap B 40 rw shared\ndwrite 0 A 0 600 1\nmigrate_dev 0 A 0 64\nfork\nproc 1\nstore A 3 9\nstore B 3 9\nload A 3\n',
)

t.test('scenarios leave nothing for the next one', async (t) => {
  const machine = await Machine.boot({ cpus: 1, drivers: [{ driver: driverUrl('mirror'), memoryPages: 128 }] })
  t.teardown(() => machine.close())
  const answers: unknown[] = []
  const fresh = layoutDigests(machine.task.words)
  for (let i = 0; i < 3; i++) {
    const { actors, error } = await machine.run({ kind: 'sequential', lines: USES_MUCH.lines })
    t.equal(error, null)
    answers.push(actors[0])
    t.not(layoutDifference(fresh, layoutDigests(machine.task.words)).length, 0, 'it was used')
    machine.reset()
    t.same(layoutDifference(fresh, layoutDigests(machine.task.words)), [])
  }
  t.same(answers[1], answers[0])
  t.same(answers[2], answers[0])
})

t.test('a machine that comes out otherwise is refused', async (t) => {
  const machine = await Machine.boot({ cpus: 1 })
  t.teardown(() => machine.close())
  Object.assign(machine.config, { seed: 2 })
  t.throws(() => machine.reset(), {
    code: 'HMM_ERR_RESET',
    message: 'the machine was not reset: superblock, actors differ from when it was booted',
  })
})

t.test('one changed word is found, where it is', (t) => {
  const { task } = solo()
  const before = layoutDigests(task.words)
  for (const region of ['actors', 'heap', 'frames'] as const) {
    const at = regionAt(task.words, region) + 5
    task.words[at] = (task.words[at] as number) ^ 1
    t.same(layoutDifference(before, layoutDigests(task.words)), [region])
    task.words[at] = (task.words[at] as number) ^ 1
  }
  t.same(layoutDifference(before, layoutDigests(task.words)), [])
  t.end()
})
