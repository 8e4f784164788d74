/** Is the order of use of a device's frames what a list that is shifted by hand says, for any sequence of uses and replays? */
import fc from 'fast-check'
import t from 'tap'
import { boundDriver } from '../../shared/device/registry.ts'
import type { Frame } from '../../shared/frame/frames.ts'
import { gpu } from '../support/gpu.ts'

const PAGES = 12

type Step = { readonly use: number } | { readonly take: number } | { readonly replay: true }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ use: fc.nat(PAGES - 1) }),
    fc.record({ take: fc.integer({ min: 1, max: PAGES }) }),
    fc.record({ replay: fc.constant(true as const) }),
  ),
  { maxLength: 60 },
)

t.test('against a model', (t) => {
  const the = gpu({ memory: [PAGES] })
  const { memory } = boundDriver(the.task, 0).dev
  const { first } = memory.frames()
  for (let i = 0; i < PAGES; i++) memory.allocPage() // in use: only such frames are given up
  let order = Array.from({ length: PAGES }, (_, i) => i)
  let fresh = new Set<number>()
  const use = (i: number) => {
    order = [...order.filter((one) => one !== i), i]
    fresh.add(i)
  }
  fc.assert(
    fc.property(steps, (list) => {
      for (const step of list) {
        if ('use' in step) {
          memory.used((first + step.use) as Frame)
          use(step.use)
        } else if ('take' in step) {
          const expected = order.filter((one) => !fresh.has(one)).slice(0, step.take)
          const got = memory.leastUsed(step.take).map((frame) => frame - first)
          if (got.join() !== expected.join()) throw new Error(`${got} and not ${expected}`)
          for (const one of expected) use(one)
        } else {
          the.replay()
          fresh = new Set()
        }
      }
    }),
    { seed: 1, numRuns: 200 },
  )
  for (let i = 0; i < PAGES; i++) memory.freePage((first + i) as Frame)
  t.same(the.close(), [])
  t.end()
})
