// @ts-check
/** Both consumers under the explorer: one loses a wake-up, the other is clean in every schedule with up to two preemptions. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { explore } from 'hmm-runtime'

const module = fileURLToPath(new URL('./ring.js', import.meta.url))
/** @param {string} consumer */
const ring = (consumer) => ({ actors: { module, threads: [consumer, 'produce'], check: 'check', words: 16 } })

const careless = await explore({ ...ring('consumeCarelessly'), strategy: 'pct', depth: 2 })
console.log(`consumeCarelessly: schedule ${careless.first_hit}\n\n${careless.violation?.table}\n`)
assert.equal(careless.violation?.oracle, 'WAKE')

const right = await explore({ ...ring('consume'), strategy: 'dfs', preemptions: 2 })
console.log(
  `consume: ${right.schedules} schedules, all with up to two preemptions: ${right.complete}, ${right.violation?.message ?? 'clean'}`,
)
assert.equal(right.violation, undefined)
assert.equal(right.complete, true)
