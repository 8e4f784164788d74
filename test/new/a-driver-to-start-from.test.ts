/**
 * What does `hmm new driver` write: is it a driver that works, with a scenario that finds the mistake it warns of? And what does it refuse?
 * (That the generated test passes with an installed package is shown by .ci/pack-and-install.)
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore, newDriver } from '../../src/index.ts'
import { workerFlags } from '../../src/remote.ts'
import { version } from '../../src/version.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const CLI = fileURLToPath(new URL(`../../src/cli${extension}`, import.meta.url))
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

function hmm(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...workerFlags(), CLI, ...args], { cwd, encoding: 'utf8' })
  return { status, stdout, stderr }
}

/** A folder in which hmm-runtime is installed. */
function project(folder: string): string {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules', 'hmm-runtime'))
  return folder
}

const FILES = ['driver.js', 'my-gpu.scn', 'my-gpu.test.js', 'package.json']

t.test('the folder says what is in it, names itself, and depends on this version', (t) => {
  const folder = t.testdir()
  const { status, stdout } = hmm(folder, 'new', 'driver', 'my-gpu', '--out', 'drivers')
  t.equal(status, 0)
  const lines = stdout.trimEnd().split('\n')
  t.equal(lines[0], 'wrote drivers/my-gpu')
  t.same(lines.slice(-2), ['  cd drivers/my-gpu && npm install && npm test', '  npx hmm explore my-gpu.scn'])
  for (const file of FILES) t.ok(lines.some((line) => line.startsWith(`  ${file} `)))
  const written = join(folder, 'drivers', 'my-gpu')
  t.same(readdirSync(written).sort(), FILES)
  const texts = FILES.map((file) => readFileSync(join(written, file), 'utf8'))
  t.notMatch(texts.join('\n'), /my-driver|VERSION/, 'nothing is left of the templates but their text')
  t.match(JSON.parse(texts[3] as string), { name: 'my-gpu', type: 'module', dependencies: { 'hmm-runtime': version() } })
  t.end()
})

t.test('a folder that is there, and names that are none: one sentence, exit 2, nothing is written', (t) => {
  const folder = t.testdir({ mine: { 'driver.js': 'precious' } })
  for (const [args, sentence] of [
    [['driver', 'mine'], /^hmm: mine is there already, and nothing was written\n$/],
    [
      ['driver', 'My GPU'],
      /^hmm: a driver is called by 1 to 40 small letters, digits and hyphens, a letter first, not "My GPU"\n$/,
    ],
    [['driver', '../out'], /^hmm: a driver is called by .* not "\.\.\/out"\n$/],
    [['driver', 'hmm-runtime'], /^hmm: a driver is not called hmm-runtime: that is what it depends on\n$/],
    [['engine', 'mine'], /^hmm: .*'engine' is invalid for argument 'what'. Allowed choices are driver.\n$/],
    [['driver'], /^hmm: missing required argument 'name'\n$/],
  ] as const) {
    const { status, stdout, stderr } = hmm(folder, 'new', ...args)
    t.same([status, stdout], [2, ''], args.join(' '))
    t.match(stderr, sentence)
  }
  t.equal(readFileSync(join(folder, 'mine', 'driver.js'), 'utf8'), 'precious')
  t.same(readdirSync(folder), ['mine'])
  t.end()
})

t.test('what is written works; and with the mistake that its comment warns of, its scenario shows it', async (t) => {
  const { folder } = newDriver('mine', { out: project(t.testdir()) })
  const explored = hmm(folder, 'explore', 'mine.scn', '--schedules', '60', '--seed', '3')
  t.equal(explored.status, 0, explored.stderr)
  t.match(explored.stdout, /^mine: 60 schedules/)
  const file = join(folder, 'driver.js')
  const right = readFileSync(file, 'utf8')
  const [lock, ask, unlock] = ['dev.lock(mirror)\n', 'if (dev.rangeValid(range)) {\n', 'dev.unlock(mirror)\n']
  const wrong = right
    .replace(`      ${lock}      ${ask}`, `      ${ask}        ${lock}`)
    .replace(`      }\n      ${unlock}`, '      }\n')
  t.equal(right.length - wrong.length, unlock.length + 4, 'it asks, and locks then')
  writeFileSync(file, wrong)
  const { violation } = await explore({ scenario: join(folder, 'mine.scn'), schedules: 2000, shrink: false })
  t.match(violation?.message, /^device 0 (read|wrote) A\+0 through a stale entry/)
})

t.test('the templates have their types checked, where they lie (npm run build) and where they are copied to', (t) => {
  for (const file of ['driver.js', 'my-driver.test.js'])
    t.match(readFileSync(join(ROOT, 'templates', 'driver', file), 'utf8'), /^\/\/ @ts-check\n\/\*\*/)
  t.match(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts.build, / tsc -p templates /)
  t.end()
})
