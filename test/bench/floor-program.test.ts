/** Are figures of another program put beside ours, and is one that prints something else told in a sentence? */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
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

t.test('a program of no use is one sentence before anything is measured, and exit 2', (t) => {
  const sentence = (line: string) => {
    const { status, stdout, stderr } = hmm('bench', 'scale', '--quick', '--floor', program('bad', line))
    t.equal(status, 2)
    t.equal(stdout, '')
    t.equal(stderr.trim().split('\n').length, 1)
    return stderr
  }
  t.match(sentence('exit 7'), /it ended with code 7\n$/)
  t.match(sentence('echo hello'), /it printed "hello", which is no JSON object\n$/)
  t.match(sentence('true'), /it printed nothing, which is no JSON object\n$/)
  t.match(sentence(`echo '{"cas_ns": "fast"}'`), /which is no object of times like/)
  t.match(sentence(`echo '{}'`), /which is no object of times like/)
  t.match(sentence('kill -9 $$'), /it was ended by SIGKILL\n$/)
  t.match(hmm('bench', '--floor', join(folder, 'none')), { status: 2, stderr: /there is no such program\n$/ })
  t.end()
})
