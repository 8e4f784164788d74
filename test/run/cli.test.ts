/** What does `hmm run` print, and with which code does it end? Differences with what stands before them, counts, one JSON document. */
import t from 'tap'
import { runDocument } from '../../src/documents.ts'
import { hmmStarted } from '../support/command.ts'
import { failing, MISTAKEN, passing, scenarioFolder } from './scenarios.ts'

/** Runs `hmm run` with `args`; `onText` sees its output as it grows. */
function hmmRun(
  args: readonly string[],
  onText: (text: string, interrupt: () => void) => void = () => {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = hmmStarted('run', ...args)
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    onText(out, () => child.kill('SIGINT'))
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })))
}

t.test('a difference: place, the lines before it, the operation, expected and got', async (t) => {
  const folder = scenarioFolder(t, [passing(1), failing(7)])
  const { code, out, err } = await hmmRun([folder])
  t.equal(code, 1)
  t.equal(err, '')
  t.equal(
    out,
    `${folder}/001.scn:5: the kernel answered otherwise
    mmap A 4 rw private => ok
    store A 1 7 => ok
    dread 0 A 1 1 => ok cpages=1 faults=1 values=7
    load A 1
      expected  8
      got       7
made       1 passed      1 failed      0 skipped
`,
  )
})

t.test('--json -: the document on stdout, the text on stderr', async (t) => {
  const folder = scenarioFolder(t, [failing(7)])
  const { code, out, err } = await hmmRun([folder, '--json', '-', '--engines', '1', '--notify', 'inline'])
  t.equal(code, 1)
  const document = runDocument.parse(JSON.parse(out))
  t.match(document, {
    ...{ schema: 'hmm-runtime/run/1', ok: false, notify: 'inline', engines: 1, passed: 0, failed: 1, skipped: 0 },
    folders: [{ name: 'made', passed: 0, failed: 1, skipped: 0 }],
    skip_reasons: [],
    files: [{ ok: false, line: 5, operation: 'load A 1', expected: '8', got: '7' }],
  })
  t.equal(document.files[0]?.before?.length, 3)
  t.match(err, /the kernel answered otherwise/)
})

t.test('wrong use is one sentence and code 2', async (t) => {
  const folder = scenarioFolder(t, [passing(1), MISTAKEN])
  for (const [args, sentence] of [
    [
      [folder, '--jobs', '0'],
      /^hmm: option '--jobs <n>' argument '0' is invalid\. the number of jobs is a whole number from 1 to 256\.\n$/,
    ],
    [
      [folder, '--engines', '9'],
      /^hmm: option '--engines <n>' argument '9' is invalid\. the number of engines is a whole number from 1 to 8\.\n$/,
    ],
    [[`${folder}/not-there`], /^hmm: .*not-there: no such file or folder\n$/],
    [[folder], /^hmm: .*001\.scn:2: .*B.*\n$/],
  ] as const) {
    const { code, err } = await hmmRun(args)
    t.equal(code, 2, args.slice(1).join(' '))
    t.match(err, sentence)
  }
})

t.test('Ctrl-C: what was run is summed up, and the code says that it was not all', async (t) => {
  // The first file differs, so that there is output to interrupt at; many more are to come.
  const folder = scenarioFolder(
    t,
    Array.from({ length: 400 }, (_, i) => (i === 0 ? failing(1) : passing(i))),
  )
  for (const jobs of ['1', '2']) {
    let interrupted = false
    const { code, out } = await hmmRun([folder, '--jobs', jobs], (_, interrupt) => {
      if (!interrupted) interrupt()
      interrupted = true
    })
    t.equal(code, 1, 'a finding comes before a failure')
    t.match(out, /\nended early: [1-3]?\d?\d files were run\n$/)
  }
})

t.test('whoever reads the output may have seen enough: no word about it, and the exit code is what was found', async (t) => {
  const folder = scenarioFolder(t, [failing(7)])
  const child = hmmStarted('run', folder)
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  child.stdout.destroy()
  const code = await new Promise((resolve) => child.once('close', resolve))
  t.same([code, err], [1, ''])
})
