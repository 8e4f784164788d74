/** Does a benchmark refuse to print what the clock cannot resolve, and what measures nothing? */
import t from 'tap'
import { clockHere, resolved } from '../../bench/clock.ts'
import { measure, medianOf, ofSamples } from '../../bench/measure.ts'

/** A clock that goes in steps, and of which a reading costs a hundredth of one. */
function stepping(stepMs: number): () => number {
  let readings = 0
  return () => Math.floor(readings++ / 100) * stepMs
}

t.test('the smallest step is found, be the clock fine or coarse', (t) => {
  t.equal(clockHere(stepping(1)).step_ns, 1_000_000)
  t.equal(clockHere(stepping(0.005)).step_ns, 5_000)
  const { step_ns, cost_ns } = clockHere()
  t.ok(step_ns >= 1 && step_ns < 1_000_000, `${step_ns} ns here`)
  t.ok(cost_ns > 0, `${cost_ns} ns for a reading`)
  t.throws(() => clockHere(() => 7), { code: 'HMM_ERR_BENCH', message: 'the clock stands still: nothing can be measured here' })
  t.end()
})

t.test('a batch of fewer than a thousand steps is one sentence, and no figure', (t) => {
  const clock = { step_ns: 100, cost_ns: 100 }
  t.doesNotThrow(() => resolved('long enough', 100_000, 1000, clock))
  t.throws(() => resolved('too short', 99_999, 1000, clock), {
    code: 'HMM_ERR_BENCH',
    message:
      'too short: a batch takes 99999 ns, and the clock goes in steps of 100 ns: fewer than 1000 of them are no measurement',
  })
  t.throws(() => ofSamples('batches of a nanosecond', [1, 1, 1], 10), { code: 'HMM_ERR_BENCH', message: /a batch takes/ })
  t.throws(() => ofSamples('a nanosecond', [1, 1, 1]), { code: 'HMM_ERR_BENCH', message: /one time takes/ })
  t.end()
})

t.test('an operation that does nothing is refused, whatever was measured before it', (t) => {
  const words = new Int32Array(new SharedArrayBuffer(4))
  const nothing = { code: 'HMM_ERR_BENCH', message: /an empty call .* this measures nothing/ }
  t.throws(() => measure({ name: 'first', seconds: 0.02 }, () => {}), nothing)
  const adds = measure({ name: 'adds', seconds: 0.02 }, () => {
    for (let i = 0; i < 20; i++) Atomics.add(words, 0, 1)
  })
  t.ok(medianOf(adds) > 20, `twenty additions take ${medianOf(adds)} ns`)
  t.ok((words[0] ?? 0) >= 20 * adds.n, 'and they were made')
  t.throws(() => measure({ name: 'again', seconds: 0.02 }, () => {}), nothing)
  t.end()
})
