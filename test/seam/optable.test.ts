/** Does an index in a record lead every worker to its own function, and a missing one to a clear error? */
import t from 'tap'
import { HmmError } from '../../shared/seam/error.ts'
import { lookupOp, opKey, registerOp } from '../../shared/seam/optable.ts'
import { solo } from '../support/solo.ts'

const DOUBLE = opKey<(n: number) => number>('double')
const OTHER = opKey<(n: number) => number>('other')

t.test('the function registered under an index is found there, typed', async (t) => {
  const { task } = solo()
  registerOp(task, DOUBLE, 0, (n) => n * 2)
  registerOp(task, DOUBLE, 3, (n) => n * 4)
  t.equal(lookupOp(task, DOUBLE, 0)(21), 42)
  t.equal(lookupOp(task, DOUBLE, 3)(21), 84)
})

t.test('tables do not mix, nor do workers', async (t) => {
  const { task, other } = solo()
  const cpu1 = other(1)
  registerOp(task, DOUBLE, 0, (n) => n * 2)
  registerOp(task, OTHER, 0, (n) => n + 1)
  registerOp(cpu1, DOUBLE, 0, (n) => n * 20)
  t.same([lookupOp(task, DOUBLE, 0)(1), lookupOp(task, OTHER, 0)(1), lookupOp(cpu1, DOUBLE, 0)(1)], [2, 2, 20])
})

t.test('a missing one names the table, the index and what kind of mistake it is', async (t) => {
  const { task } = solo()
  registerOp(task, DOUBLE, 2, (n) => n)
  for (const index of [0, 1, 3]) {
    t.throws(() => lookupOp(task, DOUBLE, index), {
      code: 'HMM_ERR_OP_MISSING',
      message: `no double operation is registered under ${index} in this worker`,
    })
  }
  t.throws(() => lookupOp(task, OTHER, 0), HmmError)
})

t.test('registering again replaces: the last one counts', async (t) => {
  const { task } = solo()
  registerOp(task, DOUBLE, 0, (n) => n)
  registerOp(task, DOUBLE, 0, (n) => n * 3)
  t.equal(lookupOp(task, DOUBLE, 0)(2), 6)
})
