/**
 * `npm start`: the proof on real input, then the demo. The recorded answers of a real kernel first; then a race found, the same
 * without it clean, and real threads under load.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { demoExit, showDemo } from './cli/demo.ts'
import { EXIT, interruptSignal, Output } from './cli/output.ts'
import { difference, summaryLines } from './cli/run.ts'
import { RunFailure } from './failure.ts'
import { run } from './run.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const signal = interruptSignal()
  const scenarios = fileURLToPath(new URL('../../test/conformance', import.meta.url))
  if (!existsSync(scenarios))
    throw new RunFailure('HMM_ERR_RUN', 'the recorded scenarios are not here: npm start works in a checkout of the repository')
  say('What a real Linux 6.12 kernel answered, operation by operation, to the scenarios in test/conformance:')
  const recorded = await run([scenarios], {
    signal,
    onFile: (file) => {
      for (const line of difference(file)) say(`  ${line}`)
    },
  })
  for (const line of summaryLines(recorded)) say(`  ${line}`)
  say('')
  if (recorded.failed > 0) return EXIT.finding
  if (signal.aborted) return EXIT.failure
  return demoExit(await showDemo(new Output(undefined), 1, signal))
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`hmm: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = EXIT.failure
}
