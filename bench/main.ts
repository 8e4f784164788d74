/** `npm run bench`: every benchmark, one after the other, as a table. */
import { exploreFigures } from './explore.ts'
import { type BenchResult, measure } from './measure.ts'
import { scale } from './scale.ts'

function row(result: BenchResult): string {
  const ratios = Object.entries(result.relative_to).map(([name, ratio]) => `${ratio.toFixed(2)} x ${name}`)
  const ns = (value: number) => value.toFixed(1).padStart(9)
  return `${result.name.padEnd(22)} ${ns(result.p50_ns)} ${ns(result.p90_ns)} ${ns(result.p99_ns)} ${ns(result.max_ns)}   ${ratios.join(', ')}`
}

const copy = new Int32Array(1024)
const into = new Int32Array(1024)
process.stdout.write(
  `${'ns per page'.padEnd(22)} ${'p50'.padStart(9)} ${'p90'.padStart(9)} ${'p99'.padStart(9)} ${'max'.padStart(9)}   relative to\n`,
)
process.stdout.write(`${row(measure({ name: 'floor/copy-page' }, () => into.set(copy)))}\n`)
for (const result of scale()) process.stdout.write(`${row(result)}\n`)
process.stdout.write(
  `\n${'exploring'.padEnd(22)} ${'per second'.padStart(11)} ${'ns each'.padStart(11)}   points and switches of a schedule\n`,
)
for (const { name, ops_per_s, mean_ns, steps, switches } of await exploreFigures()) {
  const cells = [Math.round(ops_per_s), Math.round(mean_ns)].map((value) => String(value).padStart(11))
  process.stdout.write(`${name.padEnd(22)} ${cells.join(' ')}   ${steps.toFixed(0)}, ${switches.toFixed(1)}\n`)
}
