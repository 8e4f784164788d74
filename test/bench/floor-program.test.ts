/** Are figures of another program put beside ours, and is one that prints something else told in a sentence? */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { floorFigures } from '../../src/bench/floorprogram.ts'
import { benchDocument } from '../../src/documents.ts'
import { hmm } from '../support/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'hmm-floor-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** A program of one line of shell. */
function program(name: string, line: string): string {
  const file = join(folder, name)
  writeFileSync(file, `#!/bin/sh\n${line}\n`, { mode: 0o755 })
  return file
}

t.test('its figures are results, and what has a floor is told as a multiple of it', (t) => {
  const asked = join(folder, 'asked')
  const floor = program('floor', `echo asked >> ${asked}\necho '{"copy_page_ns": 50, "cas_ns": 2.5}'`)
  const { status, stdout, stderr } = hmm('bench', 'scale', '--quick', '--floor', floor, '--json', '-')
  t.equal(status, 0, stderr)
  const { results } = benchDocument.parse(JSON.parse(stdout))
  const copy = results.find(({ name }) => name === 'floor/copy-page')
  const theirs = results.find(({ name }) => name === 'floor/c/copy-page')
  t.match(theirs, { p50_ns: 50, n: 2, benchmark: 'floor', repetitions: [50, 50] }, 'once before, and once after')
  t.ok(Math.abs((copy?.relative_to['floor/c/copy-page'] ?? 0) - (copy?.repetitions[0] ?? 0) / 50) < 1e-9)
  t.same(results.find(({ name }) => name === 'scale/pages/512')?.relative_to, {}, 'the program has no such figure')
  t.match(
    results.find(({ name }) => name === 'floor/c/cas'),
    { p50_ns: 3, repetitions: [2.5, 2.5] },
  )
  t.end()
})

t.test('a program of no use is one sentence before anything is measured, and exit 2', async (t) => {
  const { status, stdout, stderr } = hmm('bench', 'scale', '--quick', '--floor', program('bad', 'exit 7'))
  t.equal(status, 2)
  t.equal(stdout, '')
  t.match(stderr, /^hmm: the floor program .*bad is of no use: it ended with code 7\n$/)
  const refused = (line: string, message: RegExp) =>
    t.rejects(floorFigures(program('bad', line)), { code: 'HMM_ERR_USAGE', message })
  await refused('echo hello', /it printed "hello", which is no JSON object$/)
  await refused('true', /it printed nothing, which is no JSON object$/)
  await refused(`echo '{"cas_ns": "fast"}'`, /which is no object of times like/)
  await refused(`echo '{}'`, /which is no object of times like/)
  await refused('kill -9 $$', /it was ended by SIGKILL$/)
  await t.rejects(floorFigures(join(folder, 'none')), { message: /there is no such program$/ })
})
