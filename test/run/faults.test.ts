/** Does an error survive the way from a run worker? As a message it loses class, code and fields; as a fault it keeps them. */
import t from 'tap'
import { HmmError, InputError, RunFailure } from '../../src/index.ts'
import { errorOf, type Fault, faultOf } from '../../src/pool/protocol.ts'

const sent = (error: unknown): HmmError => errorOf(structuredClone(faultOf(error)) as Fault)

t.test('errors of ours come out as they went in', (t) => {
  const cause = new Error('the firmware said no')
  for (const error of [
    new InputError('a.scn', 3, 'no such handle'),
    new RunFailure('HMM_ERR_DIED', 'a.scn: cpu 0 died', { cause }),
    new HmmError('HMM_ERR_CONFIG', 'too little memory'),
  ]) {
    const copy = sent(error)
    t.equal(copy.constructor, error.constructor)
    t.match(copy, { code: error.code, message: error.message })
    t.equal((copy.cause as Error | undefined)?.message, (error.cause as Error | undefined)?.message)
  }
  t.match(sent(new InputError('a.scn', 3, 'x')), { file: 'a.scn', line: 3, problem: 'x', message: 'a.scn:3: x' })
  t.end()
})

t.test('anything else is a run that failed, and says where it was thrown', (t) => {
  const copy = sent(new TypeError('x is not a function'))
  t.type(copy, RunFailure)
  t.match(copy, { code: 'HMM_ERR_RUN', message: /TypeError: x is not a function\n\s+at .*faults\.test/ })
  t.match(sent('a string'), { code: 'HMM_ERR_RUN', message: 'a string' })
  t.end()
})
