/**
 * How far do finds shrink? Prints, for every source of finds, preemptions and steps before and after, and two medians: preemptions
 * above the depth of the race, and for long random scenarios the part of the steps that is left. `npm run test:shrinks -- SEEDS`
 */
import { explore } from '../../src/index.ts'
import { type Source, sources } from './finds.ts'
import { median, type Shrinkage, shrinkageOf } from './shrinkage.ts'

const SEEDS = Number(process.argv[2] ?? 3)

const say = (line: string) => process.stdout.write(`${line}\n`)

async function measured(source: Source, seed: number): Promise<Shrinkage | null> {
  const began = performance.now()
  const { violation, seconds } = await explore(source.options(seed))
  if (violation === undefined) return null
  const shrinkage = shrinkageOf(source, violation)
  const { found, operations, preemptions, steps, oracle } = violation
  const spent = (performance.now() - began) / 1000 - seconds
  say(
    `| ${source.name} | ${seed} | ${oracle} | ${found.operations} to ${operations} | ${found.preemptions} to ${preemptions} (d = ${source.depth}) | ${found.steps} to ${steps} | ${spent.toFixed(1)} s |`,
  )
  return shrinkage
}

say('| find | seed | oracle | operations | preemptions | steps | time |')
say('|---|---|---|---|---|---|---|')
const all: Shrinkage[] = []
for (const source of await sources()) {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const shrinkage = await measured(source, seed)
    if (shrinkage !== null) all.push(shrinkage)
  }
}
const random = all.filter((one) => one.random)
const above = median(all.map((one) => one.preemptionsAboveDepth))
const part = median(random.map((one) => one.stepsLeft))
say('')
say(`${all.length} finds: preemptions left, median: depth ${above < 0 ? '-' : '+'} ${Math.abs(above)}`)
say(`${random.length} of them from random scenarios of 60 operations: part of the steps left, median: ${part.toFixed(3)}`)
if (above > 1 || part > 0.2) process.exitCode = 1
