/**
 * The full random run: `node dist/test/random/main.js [count] [seed]`. Prints seed, count and time, and a shrunk scenario if one
 * fails. Exit code 1 then.
 */
import { bootScenarioMachine } from '../../src/run/lane.ts'
import { runRandom } from './check.ts'

const COUNT = 10_000
const SEED = 20_261_121
const LONGEST = 60

const count = Number(process.argv[2] ?? COUNT)
const seed = Number(process.argv[3] ?? SEED)
const began = performance.now()
const { scenarios, operations, counterexample } = await runRandom({ seed, count, longest: LONGEST, boot: bootScenarioMachine })
const seconds = ((performance.now() - began) / 1000).toFixed(1)
console.log(`seed ${seed}: ${scenarios} scenarios, ${operations} operations, ${seconds} s`)
if (counterexample === null) console.log('no mismatch')
else {
  console.log(`a mismatch, shrunk:\n${counterexample}`)
  process.exitCode = 1
}
