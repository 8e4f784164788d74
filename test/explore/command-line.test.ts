/** What does `hmm explore` print, write and exit with; and does `hmm replay` show the find again? */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { exploreDocument, replayDocument } from '../../src/documents.ts'
import { hmm } from '../support/command.ts'
import { faulty, SCENARIO } from './campaigns.ts'

const FAULTY = `svm=${faulty('skips-the-check').svm}`

t.test('a find: table, replay file, token, exit 1; and each of the two shows it again', (t) => {
  const folder = t.testdir()
  const explored = hmm('explore', SCENARIO, '--driver', FAULTY, '--out', folder, '--json', join(folder, 'result.json'))
  t.equal(explored.status, 1, explored.stderr)
  t.match(explored.stdout, /found by schedule \d+; shrunk from 3 operations, \d+ preemptions to 2 and \d; replayed, and the same/)
  t.match(explored.stdout, /step +dropper \(cpu 0\)/)
  t.match(explored.stdout, /replay: {2}hmm replay .*\.replay\.json/)
  const document = exploreDocument.parse(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')))
  t.equal(document.ok, false)
  const [result] = document.scenarios
  t.ok(result?.violation !== undefined && result.first_hit === result.schedules)
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.replay.json')) as string)
  for (const recording of [file, result?.violation?.token as string]) {
    const replayed = hmm('replay', recording, '--state', '--json', '-')
    t.equal(replayed.status, 1, replayed.stderr)
    const again = replayDocument.parse(JSON.parse(replayed.stdout))
    t.equal(again.same, true)
    t.equal(again.table, result?.violation?.table)
    t.match(replayed.stderr, /the same run/)
    t.match(replayed.stderr, /dropper drop: ok/)
  }
  const part = hmm('replay', file, '--until', '20')
  t.equal(part.status, 1)
  t.notMatch(part.stdout, /^ +1\d\d /m, 'nothing after step 20 is shown')
  t.end()
})

t.test('a find that is told as it was found', (t) => {
  const explored = hmm('explore', SCENARIO, '--driver', FAULTY, '--out', t.testdir(), '--no-shrink')
  t.equal(explored.status, 1, explored.stderr)
  t.match(explored.stdout, /found by schedule \d+; 3 operations, \d+ preemptions; replayed, and the same/)
  t.end()
})

t.test('a token without its scenario, a scenario that is another one, and a recording of another version', (t) => {
  const folder = t.testdir()
  const long = join(folder, 'long.scn')
  const text = readFileSync(SCENARIO, 'utf8')
  writeFileSync(long, text.replace('# One page', `${'# A long story.\n'.repeat(150)}# One page`))
  const explored = hmm('explore', long, '--driver', FAULTY, '--out', folder, '--no-shrink')
  const token = /^token: +(\S+)$/m.exec(explored.stdout)?.[1] as string
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.replay.json')) as string)
  t.equal(hmm('replay', token, '--scenario', long).status, 1)
  const other = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...other, version: '99.0.0', build: '0000' }))
  for (const [args, sentence] of [
    [['replay', token], /^hmm: this token has only the hash of its scenario \(.*\): give the file with --scenario\n$/],
    [['replay', token, '--scenario', SCENARIO], /^hmm: .* is not the scenario that this token was made with\n$/],
    [
      ['replay', file],
      /^hmm: this recording was made with version 99\.0\.0, here is .*: its schedule would mean something else\n$/,
    ],
  ] as const) {
    const { status, stderr } = hmm(...args)
    t.equal(status, 2, stderr)
    t.match(stderr, sentence)
  }
  t.end()
})

t.test('clean: exit 0, and what that is worth', (t) => {
  const { status, stdout, stderr } = hmm('explore', SCENARIO, '--schedules', '50', '--depth', '2')
  t.equal(status, 0, stderr)
  t.match(stdout, /no violation was found/)
  t.match(stdout, /with a probability of at least \d\.\de-\d/)
  t.end()
})

t.test('wrong usage is one sentence and exit 2', (t) => {
  const folder = t.testdir({ 'sequential.scn': 'mmap A 1 rw private\n' })
  writeFileSync(join(folder, 'bad.scn'), 'scenario x\nthread a cpu\n  frob A\n')
  for (const [args, sentence] of [
    [['explore', join(folder, 'nothing.scn')], /nothing\.scn: cannot be read/],
    [['explore', join(folder, 'sequential.scn')], /this is a sequential scenario; only concurrent ones have schedules/],
    [['explore', join(folder, 'bad.scn')], /bad\.scn:3: unknown operation "frob"/],
    [['explore', SCENARIO, '--shard', '9/8'], /--shard takes I\/N/],
    [['explore', SCENARIO, '--driver', 'svm'], /--driver takes FAMILY=MODULE/],
    [['explore', SCENARIO, '--strategy', 'dfs', '--shard', '1/2'], /a depth-first search cannot be split/],
    [['replay', join(folder, 'bad.scn')], /this is no replay file/],
  ] as const) {
    const { status, stderr } = hmm(...args)
    t.equal(status, 2, args.join(' '))
    t.match(stderr, sentence)
  }
  t.end()
})
