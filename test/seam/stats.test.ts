/** Is a counter the sum over its actors, and a quantile within a bucket of the truth? */
import fc from 'fast-check'
import t from 'tap'
import { regionAt, regionWords } from '../../shared/memory/regions.ts'
import {
  countStat,
  HISTOGRAM,
  HISTOGRAM_NAMES,
  maxStat,
  readHistogram,
  readStat,
  recordLatency,
  STAT,
  STAT_NAMES,
} from '../../shared/seam/stats.ts'
import { solo } from '../support/solo.ts'

const ACTORS = 3

t.test('a counter is the sum over the actors, a maximum the largest of theirs', async (t) => {
  const { task, other } = solo({ cpus: 2 })
  const cpu1 = other(1)
  countStat(task, STAT.retries)
  countStat(cpu1, STAT.retries, 41)
  maxStat(task, STAT.longestRetryChain, 7)
  maxStat(task, STAT.longestRetryChain, 3)
  maxStat(cpu1, STAT.longestRetryChain, 5)
  t.equal(readStat(task.words, ACTORS, 'retries'), 42)
  t.equal(readStat(task.words, ACTORS, 'longestRetryChain'), 7)
  for (const name of STAT_NAMES) {
    if (name !== 'retries' && name !== 'longestRetryChain') t.equal(readStat(task.words, ACTORS, name), 0, name)
  }
})

t.test('a counter goes on to 2^32', async (t) => {
  const { task } = solo()
  countStat(task, STAT.operations, 0x7fffffff)
  countStat(task, STAT.operations, 2)
  t.equal(readStat(task.words, ACTORS, 'operations'), 0x80000001)
})

/** Latencies of every size, from nothing to the last bucket. */
const latency = fc.integer({ min: 0, max: 31 }).chain((bits) => fc.integer({ min: 0, max: 2 ** bits }))
const quantile = fc.double({ min: 0, max: 1, noNaN: true })

t.test('a quantile is at or above the true one, by a sixteenth at most', async (t) => {
  const { task, other } = solo()
  const cpus = [task, other(1)] as const
  let runs = 0
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 60 }), quantile, (latencies, q) => {
      const at = regionAt(task.words, 'histograms')
      task.words.fill(0, at, at + regionWords(task.words, 'histograms'))
      latencies.forEach((ns, i) => {
        recordLatency(i % 2 === 0 ? cpus[0] : cpus[1], HISTOGRAM.cpuFault, ns)
      })
      const { count, ns } = readHistogram(task.words, ACTORS, 'cpuFault', [q])
      const sorted = [...latencies].sort((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] as number
      const got = ns[0] as number
      if (count !== latencies.length) throw new Error(`counts ${count} of ${latencies.length}`)
      runs++
      if (got < exact || got > exact * (1 + 1 / 16)) throw new Error(`quantile ${q} is ${got}, not about ${exact}`)
    }),
    { seed: 3, numRuns: 1_000 },
  )
  t.equal(runs, 1_000)
})

t.test('below 16 ns it is exact', async (t) => {
  const { task } = solo()
  for (let ns = 0; ns < 16; ns++) recordLatency(task, HISTOGRAM.invalidation, ns)
  const { ns } = readHistogram(
    task.words,
    ACTORS,
    'invalidation',
    Array.from({ length: 16 }, (_, i) => (i + 1) / 16),
  )
  t.same(
    ns,
    Array.from({ length: 16 }, (_, i) => i),
  )
})

t.test('quantile 0 is the smallest and 1 the largest', async (t) => {
  const { task } = solo()
  for (const ns of [1000, 2000, 3000]) recordLatency(task, HISTOGRAM.deviceFault, ns)
  const [smallest, largest] = readHistogram(task.words, ACTORS, 'deviceFault', [0, 1]).ns as [number, number]
  t.ok(smallest >= 1000 && smallest < 1063)
  t.ok(largest >= 3000 && largest < 3188)
})

t.test('what is out of range goes to the ends: below nothing, above 4.3 s', async (t) => {
  const { task } = solo()
  for (const ns of [-5, 0.4, 2 ** 40, Number.POSITIVE_INFINITY]) recordLatency(task, HISTOGRAM.deviceFault, ns)
  const { count, ns } = readHistogram(task.words, ACTORS, 'deviceFault', [0.25, 0.5, 0.75, 1])
  t.equal(count, 4)
  t.same(ns, [0, 0, 0xffffffff, 0xffffffff])
})

t.test('histograms do not mix, and an empty one says nothing', async (t) => {
  const { task } = solo()
  recordLatency(task, HISTOGRAM.deviceFault, 5)
  for (const name of HISTOGRAM_NAMES) {
    const expected = name === 'deviceFault' ? { count: 1, ns: [5, 5] } : { count: 0, ns: [0, 0] }
    t.same(readHistogram(task.words, ACTORS, name, [0.5, 1]), expected, name)
  }
})

t.test('a machine too small for histograms does without', async (t) => {
  const { task } = solo({ bytes: 512 * 1024 })
  t.equal(regionWords(task.words, 'histograms'), 0)
  recordLatency(task, HISTOGRAM.deviceFault, 5)
  t.same(readHistogram(task.words, ACTORS, 'deviceFault', [0.5]), { count: 0, ns: [0] })
})
