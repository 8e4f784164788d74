/**
 * Does the runtime answer as a real Linux 6.12 kernel did? Every recorded scenario once, on the machine that `hmm run` boots,
 * then a quarter of the matrix, another one each day. The whole matrix is `npm run test:full`.
 */
import t from 'tap'
import { scenarioFiles } from '../../src/run/files.ts'
import { countFiles, type RunResult } from '../../src/run/result.ts'
import { run } from '../../src/run.ts'
import { combinationName, FOLDER, listedExceptions, MATRIX, objections, quarter, today, turnOf } from './matrix.ts'

const files = scenarioFiles([FOLDER])
const exceptions = listedExceptions()

const counts = (result: Pick<RunResult, 'folders'>) =>
  result.folders.map(({ name, passed, skipped }) => `${name}: ${passed} passed, ${skipped} skipped`).join('; ')

t.test('every recorded scenario', async (t) => {
  const result = await run([FOLDER])
  t.equal(result.files.length, files.length)
  t.same(objections(result.files, exceptions), [])
  t.same(
    exceptions.filter((name) => !files.some((file) => file.endsWith(name))),
    [],
    'only files that are there are excepted',
  )
  t.ok(exceptions.length <= files.length / 100, `${exceptions.length} of ${files.length} are excepted`)
  const basic = result.folders.find(({ name }) => name === 'basic')
  t.ok((basic?.passed ?? 0) >= 12, `${basic?.passed} of basic/ pass`)
  t.comment(counts(result))
})

t.test('a quarter of the matrix', async (t) => {
  const { turn, from } = turnOf(process.env, today())
  t.comment(`quarter ${turn}, chosen ${from}`)
  for (const [number, combination] of MATRIX.entries()) {
    const result = await run(quarter(files, number, turn), combination)
    t.same(objections(result.files, exceptions), [], combinationName(combination))
    t.comment(`${combinationName(combination)}: ${counts(countFiles(result.files))}`)
  }
})
