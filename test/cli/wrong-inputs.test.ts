/**
 * What a newcomer may get wrong: is each answered by one sentence that says what to do, with exit code 2, at once? And does help come quickly?
 * (What a verb's own files and tokens may be is in the tests of the verbs; Ctrl-C too.)
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { CLI, hmm } from '../support/command.ts'

const DEMO = fileURLToPath(new URL('../../../src/demo/scenario.scn', import.meta.url))
/** What Node says of itself since it can. */
const LOADS_TYPESCRIPT = Boolean(Reflect.get(process.features, 'typescript'))

t.test('one sentence, and exit code 2', (t) => {
  const folder = t.testdir({
    'none.js': 'export const x = 1\n',
    'half.js': "export default { name: 'half' }\n",
    'throws.js': "throw new Error('boom')\n",
    'mine.ts': "const name: string = 'mine'\nexport default { name }\n",
    'torn.json': '{ "a": ',
  })
  const file = (name: string) => join(folder, name)
  for (const [args, said] of [
    [['frob'], /^hmm: unknown command 'frob'; hmm --help lists what there is$/],
    [['explor'], /^hmm: unknown command 'explor'; did you mean explore\?$/],
    [['stress', '--frob'], /^hmm: unknown option '--frob'; hmm --help lists what there is$/],
    [['stress', '--cpu', '2'], /^hmm: unknown option '--cpu'; did you mean --cpus\?$/],
    [['stress', '--cpus'], /^hmm: option '--cpus <n>' argument missing$/],
    [['stress', '--duration', 'x'], /^hmm: .*'x' is invalid\. a duration is a number above 0, up to 86400\.$/],
    [['demo', 'extra'], /^hmm: too many arguments for 'demo'/],
    [['stress', 'frob'], /^hmm: there is no workload "frob"; there are: mixed, /],
    [['stress', '--devices', 'gpu'], /^hmm: there is no device family "gpu" \(.*svm.*\), and no file of that name$/],
    [
      ['stress', '--devices', file('none.js')],
      /none\.js does not export a driver: its default export must be what defineDriver\(\) returns$/,
    ],
    [['stress', '--devices', file('half.js')], /half\.js has no invalidate\(\)$/],
    [['stress', '--devices', file('throws.js')], /throws\.js could not be loaded: boom$/],
    [['explore', DEMO, '--driver', `svm=${file('none.js')}`], /none\.js does not export a driver: /],
    [
      ['explore', DEMO, '--driver', `svm=${file('gone.js')}`],
      /^hmm: there is no device family ".*gone\.js" .*, and no file of that name$/,
    ],
    ...(LOADS_TYPESCRIPT
      ? []
      : [
          [
            ['stress', '--devices', file('mine.ts')],
            /mine\.ts could not be loaded: Node [\d.]+ does not run TypeScript: compile it, or take Node 22\.18/,
          ] as const,
        ]),
    [['explore', file('gone.scn')], /^hmm: .*gone\.scn: cannot be read/],
    [['run', file('gone.scn')], /^hmm: .*gone\.scn: no such file or folder$/],
    [['replay', file('gone.json')], /^hmm: this is neither a token nor a replay file that can be read: /],
    [['merge', file('torn.json')], /^hmm: .*torn\.json: is not JSON$/],
    [['bugs', 'frob'], /^hmm: there is no race "frob"; hmm bugs lists the \d+ there are$/],
    [['explore', DEMO, '--bug', 'frob'], /^hmm: there is no race "frob"; there are /],
    [['stress', '--json', file('no/x.json')], /^hmm: --json: there is no folder .*no; make it first$/],
    [['explore', DEMO, '--out', file('no')], /^hmm: --out: there is no folder .*no; make it first$/],
  ] as const) {
    const { status, stdout, stderr } = hmm(...args)
    t.same([status, stdout], [2, ''], args.join(' '))
    t.match(stderr.trimEnd(), said)
    t.notMatch(stderr.trimEnd(), '\n', 'one line')
  }
  writeFileSync(file('seen'), '')
  t.same(readdirSync(folder).sort(), ['half.js', 'mine.ts', 'none.js', 'seen', 'throws.js', 'torn.json'], 'nothing is left')
  t.end()
})

/** Milliseconds of each kind of process, in turn: what loads the host loads both. */
function medians(kinds: readonly (readonly string[])[], rounds: number): number[] {
  const took = kinds.map(() => [] as number[])
  for (let round = 0; round < rounds; round++)
    for (const [i, args] of kinds.entries()) {
      const began = performance.now()
      spawnSync(process.execPath, args, { stdio: 'ignore', env: { ...process.env, NODE_OPTIONS: '' } })
      took[i]?.push(performance.now() - began)
    }
  return took.map((times) => times.sort((a, b) => a - b)[Math.floor(rounds / 2)] as number)
}

t.test('help is quick: not many times what Node takes to do nothing', (t) => {
  const [help = 0, nothing = 0] = medians(
    [
      [CLI, '--help'],
      ['-e', '0'],
    ],
    9,
  )
  t.ok(help < 4 * nothing + 100, `${help.toFixed(0)} ms, and ${nothing.toFixed(0)} ms for nothing`)
  t.end()
})
