/**
 * What does `hmm new driver` write: is it a driver that works, with a scenario that finds the mistake it warns of? And what does it refuse?
 * (That the generated test passes with an installed package is shown by .ci/pack-and-install.)
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { dependencySpec } from '../../src/dependency.ts'
import { explore, newDriver } from '../../src/index.ts'
import { workerFlags } from '../../src/remote.ts'

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

const FILES = ['README.md', 'driver.js', 'my-gpu.scn', 'my-gpu.test.js', 'package.json']

t.test('the folder says what is in it, names itself, and depends on what wrote it', (t) => {
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
  t.match(JSON.parse(texts[4] as string), {
    ...{ name: 'my-gpu', type: 'module' },
    dependencies: { 'hmm-runtime': `file:${ROOT.slice(0, -1)}` },
  })
  t.end()
})

t.test('a place where nobody can make a folder: one sentence, at once', { skip: process.platform !== 'linux' }, (t) => {
  const { status, stderr } = hmm(t.testdir(), 'new', 'driver', 'mine', '--out', '/proc/nowhere')
  t.equal(status, 3)
  t.match(stderr, /^hmm: \/proc\/nowhere\/mine could not be written: /)
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

t.test('with --lesson its scenario finds the mistake, in seconds and as it is; the solution of its page is clean', async (t) => {
  const out = project(t.testdir())
  const told = hmm(out, 'new', 'driver', 'mine', '--lesson')
  t.equal(told.status, 0, told.stderr)
  const folder = join(out, 'mine')
  const found = hmm(folder, 'explore', 'mine.scn')
  t.equal(found.status, 1, found.stderr)
  t.match(found.stdout, /^(SUB|PG) \(.*\): device 0 /m)
  t.notMatch(found.stdout, /sequence of device 0: 1 -> 3/, 'the line that the hint misses')
  const [solution] = /^ {4}dev\.setSeq[\s\S]*?^ {4}\}\n/m.exec(readFileSync(join(folder, 'LESSON.md'), 'utf8')) ?? []
  const file = join(folder, 'driver.js')
  const mistaken = readFileSync(file, 'utf8')
  const mended = mistaken.replace(/^ {4}if \(dev\.load[\s\S]*?^ {4}\}\n/m, solution as string)
  t.not(mended, mistaken)
  writeFileSync(file, mended)
  const clean = hmm(folder, 'explore', 'mine.scn')
  t.equal(clean.status, 0, clean.stdout)
  t.match(clean.stdout, /^mine: 1,000 schedules/)
})

t.test('what it depends on: a checkout by its folder, an installed package by what it was installed from', (t) => {
  const here = t.testdir({ 'hmm-runtime-0.1.0.tgz': '', node_modules: { 'hmm-runtime': {} } })
  const installed = join(here, 'node_modules', 'hmm-runtime')
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  t.equal(dependencySpec(join(here, 'hmm')), `file:${join(here, 'hmm')}`)
  t.equal(dependencySpec(installed), version, 'another tool installed it')
  for (const [resolved, spec] of [
    ['file:hmm-runtime-0.1.0.tgz', `file:${join(here, 'hmm-runtime-0.1.0.tgz')}`],
    ['file:gone.tgz', version],
    ['https://registry.example/hmm-runtime/-/hmm-runtime-0.1.0.tgz', version],
    ['git+ssh://git@example.org/hmm.git#0123', 'git+ssh://git@example.org/hmm.git#0123'],
  ]) {
    const lock = { packages: { 'node_modules/hmm-runtime': { resolved } } }
    writeFileSync(join(here, 'node_modules', '.package-lock.json'), JSON.stringify(lock))
    t.equal(dependencySpec(installed), spec)
  }
  t.end()
})

t.test('from a checkout npm installs it without a network, and the command is there', (t) => {
  const { folder } = newDriver('mine', { out: t.testdir() })
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } })
  const installed = run('npm', 'install', '--offline', '--no-audit', '--no-fund')
  t.equal(installed.status, 0, installed.stderr)
  const explored = run('npx', 'hmm', 'explore', 'mine.scn', '--schedules', '20')
  t.equal(explored.status, 0, explored.stderr)
  const tested = run('npm', 'test')
  t.equal(tested.status, 0, tested.stdout)
  t.end()
})

t.test('the templates have their types checked, where they lie (npm run build) and where they are copied to', (t) => {
  for (const file of ['driver.js', 'my-driver.test.js'])
    t.match(readFileSync(join(ROOT, 'templates', 'driver', file), 'utf8'), /^\/\/ @ts-check\n\/\*\*/)
  t.match(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts.build, / tsc -p templates /)
  t.end()
})
