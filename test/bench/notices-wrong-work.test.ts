/** Do the benchmarks of several threads notice that a machine does something else than they measure? */
import t from 'tap'
import { runCourse } from '../../bench/courses.ts'
import { invalidateBench } from '../../bench/invalidate.ts'
import { Machine } from '../../src/machine.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

t.test('a device that still reaches an unmapped page', async (t) => {
  const driver = new URL(`../drivers/unmaps-nothing${extension}`, import.meta.url).href
  await t.rejects(invalidateBench({ seconds: 0.02, engines: [1], driver }), {
    code: 'HMM_ERR_BENCH',
    message: /^invalidate\/1\/inline\/idle: .*device 0 reached a page that was unmapped/,
  })
})

t.test('a partner that dies', async (t) => {
  const machine = await Machine.boot({ cpus: 2, notify: 'inline', bytes: 2 ** 21 })
  t.teardown(() => machine.close())
  const options = { name: 'mailbox', seconds: 1, least: 1, warm: 1, timesPerUnit: 1 } as const
  const running = runCourse(machine, { ...options, course: (rounds) => ({ name: 'mailbox', parked: true, rounds }) }, 1_000_000)
  machine.killActor('cpu', 1)
  await t.rejects(running, { code: 'HMM_ERR_BENCH', message: /^mailbox: cpu 1 died/ })
})
