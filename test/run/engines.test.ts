/**
 * What does a device without an engine do? All that its driver does by ioctl. It has no worker of its own, takes no commands,
 * and its flushes wait for nobody.
 */
import t from 'tap'
import { COMMAND, submitCommand } from '../../shared/device/command.ts'
import { flushDeviceTlb } from '../../shared/device/devicetlb.ts'
import { driverUrl, Machine } from '../../src/index.ts'
import { Lane } from '../../src/run/lane.ts'
import { solo } from '../support/solo.ts'

const mirrors = (devices: number) => Array.from({ length: devices }, () => driverUrl('mirror'))

t.test('engines are the first of the workers that devices have', async (t) => {
  const machine = await Machine.boot({ cpus: 1, drivers: mirrors(2), engines: 1 })
  t.teardown(() => machine.close())
  t.same(machine.actorNames, ['cpu 0', 'notifier 0', 'engine 0', 'service 0', 'service 1'])
})

t.test('a machine has no more engines than devices', async (t) => {
  await t.rejects(Machine.boot({ cpus: 1, drivers: mirrors(2), engines: 3 }), {
    code: 'HMM_ERR_CONFIG',
    message: 'a machine with 2 devices has 0 to 2 engines, not 3',
  })
})

t.test('both devices of a scenario answer, with one engine and with four', async (t) => {
  const lines = [
    { line: 1, op: { op: 'mmap', handle: 'A', pages: 2, prot: 'rw', kind: 'private' }, expected: 'ok' },
    { line: 2, op: { op: 'dwrite', device: 1, handle: 'A', page: 0, pages: 2, value: 7n }, expected: 'ok cpages=2 faults=1' },
    { line: 3, op: { op: 'migrate_dev', device: 1, handle: 'A', page: 0, pages: 2 }, expected: 'ok cpages=2 values=7,8' },
    { line: 4, op: { op: 'dread', device: 0, handle: 'A', page: 0, pages: 2 }, expected: 'ok cpages=2 faults=1 values=7,8' },
  ] as const
  for (const engines of [1, 4]) {
    const lane = new Lane({ notify: 'dispatcher', era: 'sequence', engines, seed: 1, cores: 1 })
    t.teardown(() => lane.close())
    t.same(await lane.run({ file: 'a.scn', lines }), { file: 'a.scn', ok: true }, `${engines} engines`)
  }
})

t.test('a command for a device without an engine is a mistake of who submits it', (t) => {
  const { task } = solo({ devices: 1, engines: 0 })
  t.throws(() => submitCommand(task, 0, { op: COMMAND.read, instance: 0, vpn: 0, pages: 1 }), {
    message: /device 0 has no engine to take commands/,
  })
  flushDeviceTlb(task, 0)
  t.pass('a flush returns')
  t.end()
})
