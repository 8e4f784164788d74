/**
 * `npm test`: every test file in a process of its own, as many at a time as there are cores. The names of files, or parts of names,
 * as arguments run those alone; JOBS=1 runs one after the other. TAP on stdout, exit code 1 when one fails.
 *
 * It is tap that runs them, but not its command: that preloads two module hooks into each process, and what a test starts inherits
 * them. Nothing here needs hooks (coverage is off, no module is mocked), and they would cost a second for each file and a fifth of one
 * for each worker of a command.
 */
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const HERE = fileURLToPath(new URL('./', import.meta.url))
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Many times what the slowest file takes. */
const TIMEOUT_S = 400

/** These load all cores themselves for a time, and look at how much was done in it, or how long it took. They come last, one at a time. */
const ALONE = /^(stress|bench)\//

const wanted = process.argv.slice(2).map((name) => name.replace(/^.*dist\/test\//, ''))
const files = readdirSync(HERE, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => name.includes(part))))
  .sort()

if (files.length === 0) throw new Error(`no test file is called ${wanted.join(' or ')}`)
const together = files.filter((name) => !ALONE.test(name))
const alone = files.filter((name) => ALONE.test(name))

t.setTimeout(0)
t.jobs = Number(process.env.JOBS ?? availableParallelism())
for (const name of [...together, ...alone]) {
  // tap adds its hook for coverage to NODE_OPTIONS of whatever it spawns.
  void t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, `dist/test/${name}`], {
    name: `dist/test/${name}`,
    at: null,
    stack: '',
    cwd: ROOT,
    buffered: t.jobs > 1 && !ALONE.test(name),
    timeout: TIMEOUT_S * 1000,
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT_S) },
  })
}
