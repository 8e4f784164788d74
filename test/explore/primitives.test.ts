/**
 * Are the primitives of shared/sync right in every order of their steps? Each is explored completely for two threads: one schedule
 * for every behaviour there is. Three threads: every schedule with up to two preemptions. Beside each a program that leaves out
 * what the primitive is for, and is caught.
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore } from '../../src/index.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const module = fileURLToPath(new URL(`./protocols/primitives${extension}`, import.meta.url))

interface Case {
  readonly threads: string[]
  readonly check?: string
  readonly setup?: string
}

const RIGHT: readonly Case[] = [
  { threads: ['addUnderMutex', 'addUnderMutex'], check: 'expectTwo' },
  { threads: ['addUnderSpinlock', 'addUnderSpinlock'], check: 'expectTwo' },
  { threads: ['addAsWriter', 'addAsWriter'], check: 'expectTwo' },
  { threads: ['writeAsWriter', 'readAsReader'], check: 'expectWhole' },
  { threads: ['writeAndDowngrade', 'readAsReader'], check: 'expectWhole' },
  { threads: ['writeAndDowngrade', 'writeAsWriter'], check: 'expectWhole' },
  { threads: ['writeInSequence', 'readInSequence'], check: 'expectWhole' },
  { threads: ['takeTwo', 'giveTwo'], setup: 'makeRing', check: 'expectWhole' },
  { threads: ['readUnderRcu', 'retireAfterRcu'], check: 'expectWhole' },
  { threads: ['readUnderSrcu', 'retireAfterSrcu'], check: 'expectWhole' },
  { threads: ['awaitData', 'setData'] },
]

const THREE: readonly Case[] = [
  { threads: ['addUnderMutex', 'addUnderMutex', 'addUnderMutex'], check: 'expectThree' },
  { threads: ['writeAsWriter', 'readAsReader', 'writeAndDowngrade'], check: 'expectWhole' },
  { threads: ['writeInSequence', 'readInSequence', 'readInSequence'], check: 'expectWhole' },
  { threads: ['takeTwo', 'giveTwo', 'addUnderMutex'], setup: 'makeRing', check: 'expectWhole' },
  { threads: ['readUnderRcu', 'readUnderRcu', 'retireAfterRcu'], check: 'expectWhole' },
  { threads: ['readUnderSrcu', 'readUnderSrcu', 'retireAfterSrcu'], check: 'expectWhole' },
  { threads: ['awaitData', 'awaitData', 'setData'] },
]

const WRONG: readonly (Case & { readonly oracle: string })[] = [
  { threads: ['addUnlocked', 'addUnderMutex'], check: 'expectTwo', oracle: 'LIN' },
  { threads: ['addAsReader', 'addAsReader'], check: 'expectTwo', oracle: 'LIN' },
  { threads: ['writeAsWriter', 'readUnlocked'], check: 'expectWhole', oracle: 'LIN' },
  { threads: ['writeInSequence', 'readWithoutRetry'], check: 'expectWhole', oracle: 'LIN' },
  { threads: ['readUnderRcu', 'retireAtOnce'], check: 'expectWhole', oracle: 'LIN' },
  { threads: ['readUnderSrcu', 'retireAtOnce'], check: 'expectWhole', oracle: 'LIN' },
  { threads: ['awaitData', 'setDataTooLate'], oracle: 'WAKE' },
]

for (const actors of RIGHT) {
  t.test(`${actors.threads.join(' and ')}: every behaviour`, async (t) => {
    const result = await explore({ actors: { module, words: 128, ...actors }, strategy: 'dpor' })
    t.same(result.violation?.message, undefined)
    t.equal(result.complete, true, `${result.schedules} schedules`)
    t.ok(result.schedules > 1)
  })
}

for (const actors of THREE) {
  t.test(`${actors.threads.join(', ')}: up to two preemptions`, async (t) => {
    const result = await explore({ actors: { module, words: 128, ...actors }, strategy: 'dfs', preemptions: 2 })
    t.same(result.violation?.message, undefined)
    t.equal(result.complete, true, `${result.schedules} schedules`)
    t.ok(result.schedules > 500)
  })
}

for (const { oracle, ...actors } of WRONG) {
  t.test(`${actors.threads.join(' and ')}: caught`, async (t) => {
    const result = await explore({ actors: { module, words: 128, ...actors }, strategy: 'dpor' })
    t.equal(result.violation?.oracle, oracle, `after ${result.schedules} schedules`)
  })
}
