/** `npm run eras [seconds [turns]]`: prints the table of docs/eras.md. */
import { availableParallelism, cpus } from 'node:os'
import { compareEras, eraLines } from './eras.ts'

const [seconds = 5, turns = 3] = process.argv.slice(2).map(Number)
for (const line of eraLines(await compareEras({ seconds, turns }))) process.stdout.write(`${line}\n`)
process.stdout.write(`node ${process.version}, ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores\n`)
