/** What does `hmm report` say of files that are no results, and of finds that cannot be run again? */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hmm } from '../support/command.ts'

t.test('one sentence and exit 2, and no page', (t) => {
  const folder = t.testdir({
    'no.json': 'once upon a time',
    'list.json': '[1]',
    'other.json': '{"schema":"other/1"}',
    'old.json': '{"schema":"hmm-runtime/stress/1","version":"0.0.1"}',
  })
  const bugs = hmm('bugs', '--json', join(folder, 'bugs.json'))
  t.equal(bugs.status, 0)
  const whole = JSON.parse(readFileSync(join(folder, 'bugs.json'), 'utf8'))
  writeFileSync(join(folder, 'half.json'), JSON.stringify({ ...whole, bugs: [{ id: 7 }] }))
  const page = join(folder, 'page.html')
  for (const [file, sentence] of [
    ['missing.json', /cannot be read/],
    ['no.json', /is not JSON/],
    ['list.json', /is no result of hmm/],
    ['other.json', /is no result of hmm: its schema is "other\/1", not one of hmm-runtime\/run\/1, /],
    ['old.json', /was written by version 0\.0\.1, and this is /],
    ['half.json', /bugs\.0\./],
  ] as const) {
    const { status, stderr, stdout } = hmm('report', join(folder, file), '--html', page)
    t.equal(status, 2, file)
    t.match(stderr, sentence)
    t.equal(stderr.trim().split('\n').length, 1, stderr)
    t.equal(stdout, '')
  }
  t.notOk(existsSync(page))
  t.equal(hmm('report', join(folder, 'bugs.json')).status, 2, 'where to is not said')
  t.equal(hmm('report', join(folder, 'bugs.json'), '--html', join(folder, 'no', 'page.html')).status, 3)
  const { status, stdout } = hmm('report', join(folder, 'bugs.json'), '--html', page)
  t.equal(status, 0)
  t.match(stdout, /page\.html: \d+ KiB, opens without a network\n/)
  t.match(readFileSync(page, 'utf8'), /recheck-outside-lock/)
  t.end()
})

t.test('a find of another build: the table that was printed, and why', (t) => {
  const folder = t.testdir()
  const run = join(folder, 'run.json')
  hmm('explore', '--bug', 'recheck-outside-lock', '--out', folder, '--json', run, '--no-shrink')
  const document = JSON.parse(readFileSync(run, 'utf8'))
  const { violation } = document.scenarios[0]
  violation.token = 'hmm1_AAAA'
  delete violation.replay_file
  writeFileSync(run, JSON.stringify(document))
  const page = join(folder, 'page.html')
  t.equal(hmm('report', run, '--html', page).status, 0)
  const text = readFileSync(page, 'utf8')
  t.match(text, /without steps to go through: this is neither a token nor a replay file/)
  t.match(text, /madvise of A\+0:/)
  t.end()
})
