/**
 * Does it matter how many machines a run is spread over? Not for what it finds: results, their order, the document and the
 * error of a bad file are the same with one machine, from this thread, and with two or three in run workers.
 */
import t from 'tap'
import { document, runDocument } from '../../src/documents.ts'
import { type FileResult, InputError, type RunResult, run } from '../../src/index.ts'
import { failing, MISTAKEN, passing, scenarioFolder } from './scenarios.ts'

const MIXED = Array.from({ length: 40 }, (_, i) =>
  i % 9 === 4 ? failing(i) : i % 13 === 7 ? 'mmap A 512 rw private => ok\nmadvise A 0 1 dontneed => ENOENT\n' : passing(i),
)

/** The document without what may differ: how long it took. */
function timeless(result: RunResult): object {
  return { ...document('run', result.failed === 0, result), seconds: 0 }
}

t.test('results and their order', async (t) => {
  const folder = scenarioFolder(t, MIXED)
  const results: RunResult[] = []
  for (const jobs of [1, 2, 3]) {
    const seen: FileResult[] = []
    const result = await run([folder], { jobs, onFile: (file) => seen.push(file) })
    t.same(seen, result.files, `${jobs} jobs: told in the order of the result`)
    results.push(result)
  }
  const [one, two, three] = results.map(timeless)
  t.same(two, one)
  t.same(three, one)
  t.same(
    results[0]?.files.map(({ file }) => file),
    [...(results[0]?.files ?? [])].map(({ file }) => file).sort(),
    'which is the order of the files',
  )
  t.ok(runDocument.safeParse(one).success, 'and the document is as its schema says')
  t.match(one, { passed: 33, failed: 7, skipped: 0, ok: false })
})

t.test('of several files with a mistake that only running shows, the first is named', async (t) => {
  const folder = scenarioFolder(
    t,
    MIXED.map((text, i) => (i === 18 || i === 25 || i === 33 ? MISTAKEN : text)),
  )
  for (const jobs of [1, 2]) {
    const seen: string[] = []
    const error = await run([folder], { jobs, onFile: ({ file }) => seen.push(file) }).catch((thrown: unknown) => thrown)
    t.type(error, InputError, `${jobs} jobs`)
    t.match(error, { file: /018\.scn$/, line: 2, code: 'HMM_ERR_INPUT' })
    t.equal(seen.length, 18, 'the files before it were told, and none after it')
  }
})

t.test('a file that does not parse is found before anything runs', async (t) => {
  const folder = scenarioFolder(t, [...MIXED, 'mmap A\n'])
  for (const jobs of [1, 2]) {
    let told = 0
    await t.rejects(run([folder], { jobs, onFile: () => told++ }), { message: /040\.scn:1: mmap needs a number of pages N$/ })
    t.equal(told, 0)
  }
})

t.test('a number of jobs or engines that makes no sense is refused', async (t) => {
  const folder = scenarioFolder(t, [passing(1)])
  for (const jobs of [0, -1, 1.5, 257, Number.NaN])
    await t.rejects(run([folder], { jobs }), {
      code: 'HMM_ERR_CONFIG',
      message: `jobs is a whole number from 1 to 256, not ${jobs}`,
    })
  for (const engines of [0, 9, 2.5])
    await t.rejects(run([folder], { engines }), {
      code: 'HMM_ERR_CONFIG',
      message: `engines is a whole number from 1 to 8, not ${engines}`,
    })
})
