/** Does `hmm demo` find its race, show the rest clean, fit on a terminal, and end at Ctrl-C with what there is? */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { demoDocument } from '../../src/documents.ts'
import { firstDifference, shownOn } from '../docs/pages.ts'
import { hmm, hmmStarted } from '../support/command.ts'

t.test('found, replayed, shrunk to one preemption; without the race all schedules and the load are clean', (t) => {
  const file = join(t.testdir(), 'demo.json')
  const { status, stdout, stderr } = hmm('demo', '--json', file)
  t.equal(status, 0, stderr)
  t.same(
    stdout.split('\n').filter((line) => line.length > 110),
    [],
    'nothing is wider than 110 columns',
  )
  const page = shownOn('docs/getting-started.md').find(({ command }) => command === 'hmm demo')
  t.equal(firstDifference(page?.output ?? ['?'], stdout.split('\n')), null, 'it prints what the page shows')
  t.match(stdout, /^ step +cpu \(cpu 0\) +gpu \(engine 0\) +service 0$/m)
  t.match(stdout, /^PG \(page generation\): device 0 wrote A\+0 through a stale entry/m)
  const { ok, found, fixed, load, interrupted } = demoDocument.parse(JSON.parse(readFileSync(file, 'utf8')))
  t.same([ok, interrupted], [true, false])
  t.match(found, { first_hit: found?.schedules, violation: { oracle: 'PG', operations: 2, preemptions: 1 } })
  t.match(fixed, { strategy: 'dfs', complete: true, violation: undefined })
  t.ok((fixed?.schedules ?? 0) > 100)
  t.match(load, { violations: [], interrupted: false })
  t.ok((load?.operations ?? 0) > 0)
  t.match(stdout, /\ndemo: the race was found; .*\nnext:\n {2}hmm new driver my-gpu --lesson .*\n.*\n.*\n$/)
  t.end()
})

t.test('Ctrl-C under load: the summary so far, and exit 3', async (t) => {
  const child = hmmStarted('demo', '--json', '-')
  let out = ''
  let told = ''
  child.stdout.on('data', (text) => {
    out += text
  })
  child.stderr.on('data', (text) => {
    told += text
    if (!child.killed && / 1 s {2}[\d,]+ operations/.test(told)) child.kill('SIGINT')
  })
  const [code] = await once(child, 'close')
  t.equal(code, 3, told)
  t.match(told, /verdict: clean, ended early\./)
  t.match(told, /^demo: ended early\.$/m)
  t.match(demoDocument.parse(JSON.parse(out)), { ok: false, interrupted: true, found: { violation: { oracle: 'PG' } } })
})
