/**
 * Do failing seeds replay to the byte, in another process and on another Node? Collects 200 finds, from every source there is in
 * turn, and replays each of them with every node that is named: `npm run test:replays -- NODE...`; without one, with this one.
 * A few are replayed by `hmm replay` as well, each in a process of its own.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sources } from './finds.ts'
import { record, recordings, replayAll, replayOne } from './record.ts'

const WANTED = Number(process.env.HMM_REPLAYS ?? 200)
const SINGLE = 8

const say = (line: string) => process.stdout.write(`${line}\n`)
const nodes = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath]
const folder = mkdtempSync(join(tmpdir(), 'hmm-replays-'))

const oracles = new Map<string, number>()
const all = await sources()
let found = 0
for (let seed = 1; found < WANTED; seed++) {
  for (const source of all) {
    if (found === WANTED) break
    const oracle = await record(folder, source, seed)
    if (oracle === null) continue
    found++
    oracles.set(oracle, (oracles.get(oracle) ?? 0) + 1)
  }
  process.stderr.write(`seed ${seed}: ${found} finds\n`)
}
const files = recordings(folder)
const traces = new Set(files.map((file) => (JSON.parse(readFileSync(file, 'utf8')) as { trace: string }).trace))
say(`${found} failing seeds, ${traces.size} different traces, recorded on Node ${process.version}`)
say(`by oracle: ${[...oracles].map(([oracle, count]) => `${oracle} ${count}`).join(', ')}`)

let failed = false
for (const node of nodes) {
  const stride = Math.max(1, Math.floor(files.length / SINGLE))
  for (const [how, replayed] of [
    ['in another process', replayAll(node, folder)],
    ['by hmm replay, each in its own', files.filter((_, i) => i % stride === 0).map((file) => replayOne(node, file))],
  ] as const) {
    const wrong = replayed.filter(({ problem }) => problem !== null)
    say(`${node}: ${replayed.length - wrong.length} of ${replayed.length} are the same run ${how}`)
    for (const { file, problem } of wrong) say(`  ${file}: ${problem}`)
    failed ||= wrong.length > 0
  }
}
if (failed) process.exitCode = 1
else rmSync(folder, { recursive: true })
