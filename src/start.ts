/**
 * `npm start`: the proof on real input. The recorded answers of a real kernel first, then ten seconds of real threads, then
 * a verdict that a person understands.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { EXIT, interruptSignal } from './cli/output.ts'
import { difference, summaryLines } from './cli/run.ts'
import { stressLines } from './cli/stress.ts'
import { RunFailure } from './failure.ts'
import { run } from './run.ts'
import { stress } from './stress.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const signal = interruptSignal()
  const scenarios = fileURLToPath(new URL('../../test/conformance', import.meta.url))
  if (!existsSync(scenarios))
    throw new RunFailure('HMM_ERR_RUN', 'the recorded scenarios are not here: npm start works in a checkout of the repository')
  say('1. What a real Linux 6.12 kernel answered, operation by operation, to the scenarios in test/conformance:')
  const recorded = await run([scenarios], {
    signal,
    onFile: (file) => {
      for (const line of difference(file)) say(`   ${line}`)
    },
  })
  for (const line of summaryLines(recorded)) say(`   ${line}`)
  say('')
  say('2. Two cpu threads and two devices on one address space, ten seconds, every access checked:')
  const load = await stress({
    seconds: 10,
    signal,
    onProgress: (p) =>
      process.stderr.write(
        `   ${p.seconds.toFixed(0).padStart(3)} s  ${p.operations} operations  ${p.faults} device faults  ${p.invalidations} invalidations\n`,
      ),
  })
  for (const line of stressLines(load)) say(`   ${line}`)
  say('')
  const clean = recorded.failed === 0 && load.violations.length === 0
  say(
    clean
      ? `Coherent: ${recorded.passed} scenarios answered as the kernel did; ${load.faults.toLocaleString('en-US')} device faults under load, and no device ever used a stale page.`
      : `Not coherent: ${recorded.failed} scenarios differ, ${load.violations.length} violations under load.`,
  )
  if (!clean) return EXIT.finding
  return signal.aborted ? EXIT.failure : EXIT.clean
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`hmm: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT.failure
}
