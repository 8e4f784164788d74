/**
 * Are the pages true? Each command that README.md or a page of docs shows with its output is run, in an empty folder that has what a checkout
 * has, after those above it on the page; and it prints what the page says, times, counts and ids aside (pages.ts). Those that take longer, or
 * need what a page only tells of, are listed with the reason; like every command in the text they have to be ones that hmm knows.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { RACE_IDS } from '../../src/races/index.ts'
import { workerFlags } from '../../src/remote.ts'
import { brokenLinks, commandsOn, firstDifference, PAGES, ROOT, scenariosOn, shape, shownOn, textOf, words } from './pages.ts'

const CLI = join(ROOT, 'dist/src/cli.js')

/** Why a command is not run here: the first that fits. */
const NOT_RUN: readonly (readonly [fits: RegExp, why: string])[] = [
  [/^hmm (bench|demo|report|new|examples)\b/, 'has tests of its own, and takes long or writes files'],
  [
    /--bug .*--duration|^hmm stress(?! --devices "svm\*4" --duration 60$)/,
    'a load of many seconds; test/stress and test/families run them',
  ],
  [/^hmm run test\/conformance/, 'test/conformance runs these files; the numbers are compared below'],
  [/^hmm run made/, 'files changed by hand, as the page says; test/run has such ones'],
  [/^hmm merge|--jobs 2|--schedules (2000|20000)/, 'tens of seconds; test/merge and test/explore run such campaigns'],
  [/^hmm bugs --table/, 'half an hour'],
  [/my-gpu/, 'needs the driver that hmm new writes, in one case with a mistake; test/new does both'],
  [/page-goes-during-rdma/, 'slower than the others, and of the same kind; test/explore/odp-meets explores it'],
  [/^npm |^cd /, 'no command of ours; .ci/pack-and-install does it'],
]
/** A load is shown for a minute, and looks the same after a second. */
const shorter = (command: string) => command.replace(/--duration \d+/, '--duration 1')

/** Runs it to its end, and answers the lines that it printed. A line a second says how far it is; what is wrong begins with its name. */
async function printed(cwd: string, args: readonly string[]): Promise<string[]> {
  const child = spawn(process.execPath, [...workerFlags(), CLI, ...args], { cwd })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return [...stdout.split('\n'), ...stderr.split('\n').filter((line) => line.startsWith('hmm: '))]
}

const helps = new Map<string, string>()
/** What is wrong with a command's verb, options or race; null: nothing. */
function unknownIn(command: string): string | null {
  const [, verb = '', ...rest] = words(command)
  if (verb.startsWith('--')) return null
  if (!helps.has(verb)) helps.set(verb, spawnSync(process.execPath, [CLI, verb, '--help'], { encoding: 'utf8' }).stdout)
  const help = helps.get(verb) as string
  if (!help.startsWith(`Usage: hmm ${verb} `)) return `there is no verb ${verb}`
  const option = rest.find((word) => word.startsWith('--') && !help.includes(`  ${word} `))
  if (option !== undefined) return `hmm ${verb} has no ${option}`
  const bug = rest[rest.indexOf('--bug') + 1]
  return rest.includes('--bug') && bug !== 'ID' && !(RACE_IDS as readonly string[]).includes(bug ?? '') ? `no race ${bug}` : null
}

t.jobs = 3 // each has several threads, and waits for them most of the time
for (const page of PAGES) {
  const shown = shownOn(page).filter(({ output, command }) => output.length > 0 && !NOT_RUN.some(([fits]) => fits.test(command)))
  if (shown.length === 0) continue
  t.test(page, async (t) => {
    const folder = t.testdir()
    for (const name of ['dist', 'test', 'src', 'traces', 'package.json']) symlinkSync(join(ROOT, name), join(folder, name))
    for (const [name, scenario] of scenariosOn(page)) writeFileSync(join(folder, `${name}.scn`), scenario)
    for (const { line, command, output } of shown) {
      const actual = await printed(folder, words(shorter(command)).slice(1))
      t.equal(firstDifference(output, actual), null, `${page}:${line}: ${command}`)
    }
  })
}

t.test('the five minutes of docs/getting-started.md', async (t) => {
  const page = 'docs/getting-started.md'
  const [, made, clean, found] = shownOn(page).map(({ output }) => output) // the first is the demo, which test/demo compares
  const [right = '', wrong = ''] = [...textOf(page).matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code)
  const folder = t.testdir()
  t.equal(firstDifference(made ?? ['?'], await printed(folder, ['new', 'driver', 'my-gpu'])), null)
  const home = join(folder, 'my-gpu')
  mkdirSync(join(home, 'node_modules'))
  symlinkSync(ROOT, join(home, 'node_modules/hmm-runtime')) // npm install ..
  const explored = (...options: string[]) => printed(home, ['explore', 'my-gpu.scn', ...options])
  t.equal(firstDifference(clean ?? ['?'], await explored('--schedules', '100')), null, 'clean as it was written')
  const driver = readFileSync(join(home, 'driver.js'), 'utf8')
  t.ok(driver.includes(right) && wrong !== '', 'the page shows what is in the driver')
  writeFileSync(join(home, 'driver.js'), driver.replace(right, wrong))
  t.equal(firstDifference(found ?? ['?'], await explored()), null, 'found')
})

t.test('the lesson of README.md', async (t) => {
  const shown = shownOn('README.md').filter(({ command }) => /my-gpu/.test(command))
  const [made, , found, clean, complete] = shown.map(({ output }) => output)
  const folder = t.testdir()
  t.equal(firstDifference(made ?? ['?'], await printed(folder, ['new', 'driver', 'my-gpu', '--lesson'])), null)
  const home = join(folder, 'my-gpu')
  mkdirSync(join(home, 'node_modules'))
  symlinkSync(ROOT, join(home, 'node_modules/hmm-runtime')) // npm install
  const explored = (...options: string[]) => printed(home, ['explore', 'my-gpu.scn', ...options])
  t.equal(firstDifference(found ?? ['?'], await explored()), null, 'found')
  const driver = readFileSync(join(home, 'driver.js'), 'utf8')
  // As the page says: with that line in front of the `if`.
  const mended = driver.replace(/^( *if \(.*USED_WORD.*\n) *(dev\.setSeq\(.*\n)/m, '    $2$1')
  t.not(mended, driver)
  writeFileSync(join(home, 'driver.js'), mended)
  t.equal(firstDifference(clean ?? ['?'], await explored('--schedules', '100')), null, 'clean')
  t.equal(firstDifference(complete ?? ['?'], await explored('--strategy', 'dfs', '--preemptions', '1')), null, 'all of them')
})

t.test('what the pages say of the recorded files is what there is', (t) => {
  const files = (path: string) =>
    readdirSync(join(ROOT, path), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.scn'))
  const runs = PAGES.flatMap(shownOn).filter(
    ({ command, output }) => /^hmm run test\/conformance/.test(command) && output.length > 0,
  )
  t.equal(runs.length, 2)
  for (const { command, output } of runs) {
    const named = words(command).slice(2)
    const rows = output.slice(0, -1).map((line) => line.split(/\s+/).slice(0, 2))
    t.same(
      rows,
      rows.map(([folder]) => [folder, String(files(`test/conformance/${folder}`).length)]),
    )
    const total = named.reduce((sum, path) => sum + files(path).length, 0)
    t.same(output.at(-1)?.split(/\s+/).slice(0, 2), ['total', String(total)])
  }
  t.end()
})

t.test('every command in the text is one that hmm knows', (t) => {
  const commands = PAGES.flatMap((page) => commandsOn(page).map(({ line, command }) => ({ place: `${page}:${line}`, command })))
  t.ok(commands.length > 30)
  t.same(
    commands.flatMap(({ place, command }) => {
      const problem = unknownIn(command)
      return problem === null ? [] : [`${place}: ${command}: ${problem}`]
    }),
    [],
  )
  t.end()
})

t.test('every link leads somewhere', (t) => {
  t.same([...PAGES, 'CONTRIBUTING.md', 'CHANGELOG.md'].flatMap(brokenLinks), [])
  t.end()
})

t.test('a page is linked where pages are listed', (t) => {
  const contents = textOf('docs/README.md')
  const missing = PAGES.filter((page) => /^docs\/(?!README)/.test(page) && !contents.includes(`(${page.slice('docs/'.length)})`))
  t.same(missing, [])
  t.end()
})

t.test('a difference is noticed, and only a difference', (t) => {
  t.equal(shape('  p50 2.9 ms, p90 1.14 s'), shape('  p50 86 us,   p90 7 ms'))
  t.equal(firstDifference(['a 1', '...', 'd'], ['a 2', 'b', 'c', 'd']), null)
  t.equal(firstDifference(['a', '...'], ['a', 'b']), null)
  t.match(firstDifference(['a', 'c'], ['a', 'b', 'c']), /^c\n/)
  t.match(firstDifference(['a'], ['a', 'b']), /^nothing more/)
  t.match(firstDifference(['a', '...', 'x'], ['a', 'b']), /^x\n/)
  t.equal(unknownIn('hmm explore --bug nothing'), 'no race nothing')
  t.equal(unknownIn('hmm explore a.scn --nothing'), 'hmm explore has no --nothing')
  t.end()
})
