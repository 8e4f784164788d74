/** Are protocol outcomes Linux's own numbers, and does a report call them by name? */
import { constants } from 'node:os'
import t from 'tap'
import * as errno from '../../shared/memory/errno.ts'

const { errnoName, ...numbers } = errno

t.test('every number has one name, and the name is its own', async (t) => {
  for (const [name, value] of Object.entries(numbers)) t.equal(errnoName(-value), name)
  t.equal(new Set(Object.values(numbers)).size, Object.keys(numbers).length)
})

t.test('an unknown one keeps its digits', async (t) => {
  t.equal(errnoName(-200), 'E200')
})

if (process.platform === 'linux') {
  t.test('the values are those of Linux', async (t) => {
    const host: Readonly<Record<string, number>> = constants.errno
    for (const [name, value] of Object.entries(numbers)) t.equal(value, host[name], name)
  })
}
