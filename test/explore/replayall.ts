/** The other process: replays every file of a folder, and writes a line about each. */
import { replay } from '../../src/index.ts'
import { type Replayed, recordings } from './record.ts'

for (const file of recordings(process.argv[2] as string)) {
  let line: Replayed
  try {
    const { trace, violation } = await replay(file)
    line = { file, trace, oracle: violation?.oracle ?? null, problem: null }
  } catch (error) {
    line = { file, trace: '', oracle: null, problem: error instanceof Error ? error.message : String(error) }
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
