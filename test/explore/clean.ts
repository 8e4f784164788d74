/**
 * The correct protocol over many random concurrent scenarios: `node dist/test/explore/clean.js [schedules] [seed] [plain]`. In all of
 * them everything fails now and then that can; in the plain ones nothing does. Half of the schedules of each scenario are PCT's, of depth
 * 1 to 4, half are random walks. One line per report, and exit code 1 when there is one.
 */
import { exploreAll, parseConcurrent } from '../../src/index.ts'
import { randomScenario, scarceScenario } from '../support/randomscenario.ts'

const SCHEDULES = 200_000
const SEED = 1
/** Schedules of each strategy in a scenario. A machine is booted for it: many are worth it. */
const EACH = 500
const DEPTHS = [1, 2, 3, 4]

const wanted = Number(process.argv[2] ?? SCHEDULES)
const seed = Number(process.argv[3] ?? SEED)
const plain = process.argv[4] === 'plain'
const began = performance.now()
const count = Math.ceil(wanted / EACH / 2)
const scenarios = Array.from({ length: count }, (_, i) =>
  parseConcurrent(`random-${seed + i}.scn`, plain ? randomScenario(seed + i) : scarceScenario(seed + i)),
)
const totals = { schedules: 0, steps: 0, switches: 0, closeCalls: 0, reports: 0, cutOff: 0 }

for (const strategy of ['pct', 'random'] as const) {
  for (const depth of strategy === 'pct' ? DEPTHS : [1]) {
    const share = strategy === 'pct' ? scenarios.filter((_, i) => DEPTHS[i % DEPTHS.length] === depth) : scenarios
    if (share.length === 0) continue
    const campaign = await exploreAll({ scenarios: share, strategy, depth, schedules: EACH, seed })
    for (const result of campaign.scenarios) {
      totals.schedules += result.schedules
      totals.steps += result.steps
      totals.switches += result.switches
      totals.closeCalls += result.close_calls
      totals.cutOff += result.cut_off
      if (result.violation === undefined) continue
      totals.reports++
      console.log(`${result.file}, ${strategy} d = ${depth}: ${result.violation.oracle}: ${result.violation.message}`)
      console.log(result.violation.table)
      console.log(result.violation.token)
    }
  }
}
const seconds = (performance.now() - began) / 1000
console.log(
  `${count} scenarios, ${totals.schedules} schedules (${totals.cutOff} cut off), ${totals.steps} steps, ${totals.switches} switches, ` +
    `${totals.closeCalls} close calls, ${seconds.toFixed(0)} s: ${totals.reports === 0 ? 'not one report' : `${totals.reports} reports`}`,
)
if (totals.reports > 0) process.exitCode = 1
