/** What does `hmm stress` say to a trace that is none? One sentence with file and line, exit code 2, and no result at all. */
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type StressOptions, stress } from '../../src/stress.ts'

const CLI = fileURLToPath(new URL(`../../src/cli${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url))

/** Runs `hmm stress` in a folder of its own. `text`: what the file `trace` in it has. */
function hmmStress(t: Test, text: string | null, ...args: string[]) {
  const folder = t.testdir()
  if (text !== null) writeFileSync(join(folder, 'trace'), text)
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'stress', ...args], { cwd: folder, encoding: 'utf8' })
  return { status, stdout, stderr, document: existsSync(join(folder, 'result.json')) }
}

const ASKED = ['--trace', 'trace', '--json', 'result.json']

t.test('a trace that is none from its first line on', async (t) => {
  t.same(hmmStress(t, null, ...ASKED), {
    status: 2,
    stdout: '',
    stderr: "hmm: trace: cannot be read: ENOENT: no such file or directory, open 'trace'\n",
    document: false,
  })
  t.same(hmmStress(t, 'op,address\nload,somewhere\n', ...ASKED), {
    status: 2,
    stdout: '',
    stderr: 'hmm: trace:2: "somewhere" is no address: 0x and hexadecimal digits, or decimal ones, of 64 bits\n',
    document: false,
  })
})

t.test('a bad line that is only met while the machine runs ends the run', async (t) => {
  const lines = [...new Array<string>(60_000).fill(' L 400010,4'), ' L 4000', ' L 400010,4']
  const { status, stdout, stderr, document } = hmmStress(t, lines.join('\n'), ...ASKED)
  t.match(stderr, /^hmm: trace:60001: " L 4000" is no access of lackey .*\n$/m)
  t.same([status, stdout, document], [2, '', false])
})

t.test('an actor that the machine has not', async (t) => {
  const file = join(t.testdir({ trace: 'actor,op,address\ncpu,load,0\ndev7,load,0\n' }), 'trace')
  await t.rejects(stress({ trace: { file } }), {
    code: 'HMM_ERR_INPUT',
    message: `${file}:3: there is no device 7 that makes accesses of its own (--devices)`,
  })
})

t.test('options that do not go together', async (t) => {
  const file = join(t.testdir({ trace: 'op,address\nload,4096\n' }), 'trace')
  const refused = (options: StressOptions, message: RegExp) => t.rejects(stress(options), { code: 'HMM_ERR_USAGE', message })
  await refused({ profile: 'mixed', trace: { file } }, /^a trace takes the place of a workload: leave mixed or the trace out$/)
  await refused({ profile: 'trace' }, /^there is no workload "trace"; there are: mixed/)
  await refused({ trace: { file, deviceShare: 2 } }, /share of a trace is a number from 0 to 1, not 2$/)
  await refused({ trace: { file, repeat: 0 } }, /whole number of times, not 0$/)
  const { status, stdout, stderr } = hmmStress(t, null, '--trace-repeat', '2')
  t.same([status, stdout], [2, ''])
  t.match(stderr, /^hmm: .* name one with --trace\n$/)
})

t.test('and a good one: exit code 0, the document beside the text', async (t) => {
  const { status, stdout, stderr, document } = hmmStress(t, `op,address\n${'modify,4096\n'.repeat(200)}`, ...ASKED)
  t.equal(status, 0, stderr)
  t.match(stdout, /^ {2}trace {11}trace \(csv\): 200 accesses to 1 page in 1 area, to its end$/m)
  t.match(stdout, /^verdict: clean\./m)
  t.equal(document, true)
})
