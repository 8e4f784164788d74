/**
 * What ends a load whose actors all take steps, and never come to an end? A driver says that a fault is served and has mapped nothing, so the
 * device asks again for ever: nobody hangs, and nothing is ever over. The run ends some time after its load, and says who is at what.
 */
import t from 'tap'
import { stress } from '../../src/stress.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const DRIVER = new URL(`../drivers/says-it-is-served${extension}`, import.meta.url).href

t.test('a device that is told the same for ever', async (t) => {
  const began = performance.now()
  await t.rejects(stress({ devices: [DRIVER], seconds: 1, restSeconds: 1 }), {
    code: 'HMM_ERR_HUNG',
    message: /^the load was over 1 s ago, and not all came to rest: .*engine 0/,
  })
  t.ok(performance.now() - began < 20_000)
})

t.test('one that is served comes to rest in that time', async (t) => {
  const { violations } = await stress({ seconds: 1, restSeconds: 10 })
  t.strictSame(violations, [])
})
