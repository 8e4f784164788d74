/** Is the matrix covered, and would a wrong result be noticed? Four quarters are the matrix; the list of exceptions is no excuse. */
import t from 'tap'
import { scenarioFiles } from '../../src/run/files.ts'
import { FOLDER, MATRIX, objections, quarter, turnOf } from './matrix.ts'

const files = scenarioFiles([FOLDER])

t.test('a quarter has every file once', (t) => {
  for (let turn = 0; turn < 4; turn++)
    t.same(MATRIX.flatMap((_, combination) => quarter(files, combination, turn)).sort(), [...files].sort(), `turn ${turn}`)
  t.end()
})

t.test('in four turns every file meets every combination', (t) => {
  for (const combination of MATRIX.keys())
    t.same([0, 1, 2, 3].flatMap((turn) => quarter(files, combination, turn)).sort(), [...files].sort())
  t.end()
})

t.test('the quarter is chosen by ROTATE, else by the day', (t) => {
  t.equal(turnOf({ ROTATE: '2' }, 20_000).turn, 2)
  t.equal(turnOf({ ROTATE: '7' }, 20_000).turn, 3)
  t.same(
    [20_000, 20_001, 20_002, 20_003].map((day) => turnOf({}, day).turn),
    [0, 1, 2, 3],
  )
  t.throws(() => turnOf({ ROTATE: 'x' }, 0), { message: 'ROTATE is a whole number, not "x"' })
  t.end()
})

t.test('a file that differs is objected to, and so is a listed one that passes', (t) => {
  const passes = { file: 'x/basic/001_a.scn', ok: true }
  const differs = { file: 'x/basic/002_b.scn', ok: false, line: 4, operation: 'load A 0', expected: '1', got: '2', before: [] }
  t.same(objections([passes], []), [])
  t.equal(objections([differs], [])[0], 'x/basic/002_b.scn:4: the kernel answered otherwise')
  t.same(objections([differs], ['basic/002_b.scn']), [])
  t.same(objections([passes], ['basic/001_a.scn']), ['x/basic/001_a.scn is listed in exceptions.md and passes'])
  t.end()
})
