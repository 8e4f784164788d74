/**
 * What happens when an actor dies? A worker that is terminated, a driver that throws, a driver that loops for ever: the run
 * ends within two seconds with one error that names who it was and what it was doing. Nothing hangs.
 */
import t from 'tap'
import type { ActorKind } from '../../shared/seam/actors.ts'
import { driverUrl } from '../../src/drivers.ts'
import { Machine, type RunOutcome } from '../../src/machine.ts'
import { raceById } from '../../src/races/index.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

function testDriver(name: string): string {
  return new URL(`../drivers/${name}${extension}`, import.meta.url).href
}

/** Runs the workload until something ends it; returns how, and how long that took from `onStart`'s answer on. */
async function runUntilItEnds(
  t: { teardown(fn: () => unknown): void },
  drivers: string[],
  onStart: (machine: Machine) => void = () => {},
): Promise<{ outcome: RunOutcome; afterMs: number }> {
  const machine = await Machine.boot({ cpus: 2, drivers, noise: 0 })
  t.teardown(() => machine.close())
  let began = 0
  let started = false
  const outcome = await machine.run({ kind: 'stress', profile: 'mixed', shape: { cpus: 2, devices: drivers.length } }, () => {
    if (started) return
    started = true
    began = performance.now()
    onStart(machine)
  })
  return { outcome, afterMs: performance.now() - began }
}

for (const [kind, index] of [
  ['cpu', 1],
  ['notifier', 0],
  ['engine', 0],
  ['service', 1],
] as const satisfies readonly (readonly [ActorKind, number])[]) {
  t.test(`${kind} ${index} is terminated in mid-run`, async (t) => {
    const svm = driverUrl('svm')
    const { outcome, afterMs } = await runUntilItEnds(t, [svm, svm], (machine) => machine.killActor(kind, index))
    t.equal(outcome.error?.code, 'HMM_ERR_DIED')
    t.match(outcome.error?.message, new RegExp(`^${kind} ${index} died: its thread ended with code 1 \\(${kind} ${index}`))
    t.same(outcome.violations, [], 'and nothing else is reported')
    t.ok(afterMs < 2000, `after ${Math.round(afterMs)} ms`)
  })
}

t.test('a driver throws in its callback: the error names driver, device and call', async (t) => {
  const { outcome, afterMs } = await runUntilItEnds(t, [driverUrl('svm'), testDriver('throws')])
  t.equal(outcome.error?.code, 'HMM_ERR_DRIVER')
  t.match(outcome.error?.message, /^\w+ \d, .* of .*: driver throws of device 1 failed in invalidate\(\): the firmware said no$/)
  t.ok(afterMs < 2000)
})

t.test('a driver loops without end: it is named after a second without a step', async (t) => {
  const { outcome } = await runUntilItEnds(t, [testDriver('loops'), driverUrl('svm')])
  t.equal(outcome.error?.code, 'HMM_ERR_HUNG')
  t.match(outcome.error?.message, /^service 0, fault service of [A-C]\+\d+, took no step for 1 s: it loops without end$/)
})

t.test('a driver that waits for an invalidation with its lock held is reported as a deadlock, checked or not', async (t) => {
  const faulty = (await raceById('begin-under-lock')).driver?.module as string
  for (const checked of [true, false]) {
    const machine = await Machine.boot({ cpus: 2, drivers: [faulty], checked })
    t.teardown(() => machine.close())
    const outcome = await machine.run({ kind: 'stress', profile: 'mixed', shape: { cpus: 2, devices: 1 } })
    t.equal(outcome.error, null)
    t.equal(outcome.violations[0]?.oracle, 'DLK')
    t.match(outcome.violations[0]?.message, checked ? /lock order inverted/ : /^deadlock: .* -> and round again$/)
  }
})
