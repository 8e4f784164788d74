/**
 * What becomes of a page that the device's copy engine fails to copy? On its way to the device it stays where it was; on its way home the
 * processor copies it. Nothing is lost.
 */
import t from 'tap'
import { setCopyFailures } from '../../shared/device/copyqueue.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import type { MigrationPolicy } from '../../shared/drivers/svm.ts'
import { type Frame, frameData } from '../../shared/frame/frames.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { explore, parseConcurrent } from '../../src/index.ts'
import { A, area, entries, load, RW, store, wrongCounts } from '../support/addressspace.ts'
import { gpu } from '../support/gpu.ts'

const ONE: MigrationPolicy = { name: 'one', onFault: ({ vpn }) => ({ do: 'migrate', first: vpn, pages: 1 }) }

for (const era of ERAS_THERE) {
  t.test(`${era}: to the device, home and out of the way`, (t) => {
    const the = gpu({ memory: [2], policy: ONE, era })
    const { task, mm } = the
    area(task, mm, A, 4, RW)
    for (let i = 0; i < 4; i++) store(task, A + i, 100 + i)
    setCopyFailures(task, 0, 1)
    t.equal(the.fault(0), 'ok')
    the.replay()
    t.same([the.mapped(0, 1), entries(task, mm, A, 1), load(task, A)], [['sys rw'], ['rw'], 100], 'it stays, and is served there')
    setCopyFailures(task, 0, 0)
    the.fault(1)
    the.fault(2)
    the.replay()
    t.same(the.mapped(0, 4), ['sys rw', 'dev rw', 'dev rw', '-'])
    setCopyFailures(task, 0, 1)
    the.fault(3)
    t.same(the.mapped(0, 4), ['sys rw', '-', 'dev rw', 'sys rw'], 'one had to make room, and came home')
    t.same(
      [0, 1, 2, 3].map((i) => load(task, A + i)),
      [100, 101, 102, 103],
    )
    t.equal(the.count('failedCopies'), 3)
    t.same(wrongCounts(task, mm), [])
    t.same(the.close(), [])
    t.end()
  })
}

t.test('a failed copy leaves rubbish behind, and which ones fail is a matter of the seed', (t) => {
  const run = () => {
    const the = gpu({ memory: [64] })
    const { memory } = boundDriver(the.task, 0).dev
    const frames = Array.from({ length: 64 }, () => memory.allocPage() as Frame)
    const source = memory.allocSystemPage() as Frame
    memory.clearPage(source)
    setCopyFailures(the.task, 0, 0.25)
    const done = memory.copyByDevice(frames.map((to) => ({ to, from: source })))
    const words = frames.map((frame) => the.task.words[frameData(the.task, frame) + 1023] as number)
    for (const frame of [...frames, source]) memory.freePage(frame)
    t.same(the.close(), [])
    return { done, words }
  }
  const { done, words } = run()
  t.same(
    words,
    done.map((ok) => (ok ? 0 : -1)),
  )
  const failed = done.filter((ok) => !ok).length
  t.ok(failed > 4 && failed < 32, `${failed} of 64 failed`)
  t.same(run().done, done)
  t.end()
})

/** A page that the device moves, and has no room for another, while a cpu adds to both. */
const scenario = (era: string) =>
  parseConcurrent(
    'copies.scn',
    `scenario copies
era ${era}
notifier inline
device 0 svm memory=1 policy=first-touch copy-failures=0.5
setup
  mmap A 2 rw private
  store A 0 7
  store A 1 70
thread user cpu
  add A 0 5
  add A 1 5
thread gpu dev 0
  dadd 0 A 0 1 1
  dadd 0 A 1 1 1
expect
  final load A 0 is 13
  final load A 1 is 76
`,
  )

for (const era of ['sequence', 'events'] as const) {
  t.test(`${era}: the engine copies between its accesses, while a cpu touches what is copied`, async (t) => {
    const result = await explore({ scenario: scenario(era), schedules: 80, jobs: 1, shrink: false })
    t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, 80])
  })
}

t.test('a driver that does not ask how its copies went is found', async (t) => {
  const driver = new URL('../drivers/trusts-its-copies.js', import.meta.url).href
  const result = await explore({ scenario: scenario('events'), drivers: { svm: driver }, schedules: 80, jobs: 1, shrink: false })
  t.match(result.violation, { oracle: /LIN|SEC/ })
})
