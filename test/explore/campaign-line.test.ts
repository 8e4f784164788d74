/**
 * A campaign on the command line: does it say how far it is, end at Ctrl-C with what there is, and can its shards be added up? Exit
 * codes: 1 a violation, 2 what cannot be added up, 3 what does not tell of everything.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ExploreDocument, exploreDocument } from '../../src/documents.ts'
import { hmm, hmmStarted } from '../support/command.ts'
import { SCENARIO } from './campaigns.ts'

function read(file: string): ExploreDocument {
  return exploreDocument.parse(JSON.parse(readFileSync(file, 'utf8')))
}

for (const jobs of ['1', '2']) {
  t.test(`Ctrl-C with ${jobs} jobs: a line a second until then, the summary so far, exit 3`, async (t) => {
    const file = join(t.testdir(), 'result.json')
    const child = hmmStarted('explore', SCENARIO, '--schedules', '10000000', '--jobs', jobs, '--json', file)
    let out = ''
    let told = ''
    child.stdout.on('data', (text) => {
      out += text
    })
    child.stderr.on('data', (text) => {
      told += text
      if (/: [1-9][\d,]* of/.test(told)) child.kill('SIGINT')
    })
    const [code] = await once(child, 'close')
    t.equal(code, 3, told)
    t.match(
      told,
      /^drop-during-device-read: [1-9][\d,]* of 10,000,000 schedules, [\d,]+\/s, \d+\.\d switches each, depth [1-3] of 3, \d+ close calls$/m,
    )
    t.match(out, /^drop-during-device-read: [\d,]+ schedules in .* s/)
    t.match(out, /no violation was found; ended early/)
    const { shards, scenarios } = read(file)
    t.same(shards, { of: 1, parts: [1], unfinished: [1] })
    t.match(scenarios, [{ interrupted: true, complete: false }])
    t.ok((scenarios[0]?.schedules ?? 0) > 0)
  })
}

t.test('two shards, added up', (t) => {
  const folder = t.testdir()
  const files = [1, 2].map((part) => join(folder, `part-${part}.json`))
  for (const [i, file] of files.entries())
    t.equal(hmm('explore', SCENARIO, '--schedules', '40', '--shard', `${i + 1}/2`, '--json', file).status, 0)
  const all = hmm('merge', ...files, '--json', join(folder, 'all.json'))
  t.equal(all.status, 0, all.stderr)
  t.match(all.stdout, /^2 of 2 shards\ndrop-during-device-read: 40 schedules in /)
  t.match(read(join(folder, 'all.json')), { ok: true, scenarios: [{ schedules: 40 }] })
  const one = hmm('merge', ...files.slice(1))
  t.equal(one.status, 3)
  t.match(one.stdout, /^missing: shard 1 of 2$/m)
  const twice = hmm('merge', ...files, files[0] as string)
  t.equal(twice.status, 2)
  t.match(twice.stderr, /^hmm: .*part-1\.json: has shard 1 of 2, and so has .*part-1\.json\n$/)
  t.end()
})

t.test('a shard that is none, and jobs that are none', (t) => {
  for (const value of ['0/3', '4/3', '-1/3', '1.5/3'])
    t.match(hmm('explore', SCENARIO, `--shard=${value}`), {
      status: 2,
      stderr: /^hmm: --shard takes I\/N, as 1\/8 to 8\/8, not ".*"\n$/,
    })
  t.match(hmm('explore', SCENARIO, '--jobs', '0'), { status: 2, stderr: /the number of jobs is a whole number from 1 to 256/ })
  t.end()
})
