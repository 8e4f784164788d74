/** How are results counted? By folder in the order of the files, by reason with the most frequent first, and people read the same. */
import t from 'tap'
import { summaryLines } from '../../src/cli/run.ts'
import { parseSequential } from '../../src/index.ts'
import { countFiles, inItsFile } from '../../src/run/result.ts'

const FILES = [
  { file: 'x/b/1.scn', ok: true },
  { file: 'x/b/2.scn', ok: true, skipped: 'rare', line: 3 },
  { file: 'x/b/3.scn', ok: true, skipped: 'frequent', line: 9 },
  { file: 'x/a/1.scn', ok: true, skipped: 'frequent', line: 2 },
  { file: 'x/a/2.scn', ok: false, audit: ['REF: something'] },
]

t.test('counts', (t) => {
  const counted = countFiles(FILES)
  t.same(counted, {
    passed: 1,
    failed: 1,
    skipped: 3,
    folders: [
      { name: 'b', passed: 1, failed: 0, skipped: 2 },
      { name: 'a', passed: 0, failed: 1, skipped: 1 },
    ],
    skip_reasons: [
      { reason: 'frequent', files: 2 },
      { reason: 'rare', files: 1 },
    ],
    files: FILES,
  })
  const result = { ...counted, notify: 'inline', era: 'sequence', engines: 2, seed: 1, seconds: 1, interrupted: false } as const
  t.same(summaryLines(result), [
    'b          1 passed      0 failed      2 skipped',
    'a          0 passed      1 failed      1 skipped',
    'total      1 passed      1 failed      3 skipped',
    'skipped    2: frequent',
    'skipped    1: rare',
  ])
  t.equal(summaryLines({ ...result, interrupted: true }).at(-1), 'ended early: 5 files were run')
  t.end()
})

t.test('a difference gets the lines of its file that stand before it, without comments; nothing else changes', (t) => {
  const scenario = parseSequential(
    'a.scn',
    '# title\nfork => ok P1\n# linux-6.1 => x\nproc 1 => ok\n\nexit 1 => ok\nload A 0 => 4\n',
  )
  const bare = { file: 'a.scn', ok: false, line: 7, expected: '4', got: '5' }
  t.same(inItsFile(bare, scenario), {
    ...bare,
    operation: 'load A 0',
    before: ['fork => ok P1', 'proc 1 => ok', 'exit 1 => ok'],
  })
  t.same(inItsFile({ ...bare, line: 2 }, scenario).before, [])
  for (const other of FILES) t.equal(inItsFile(other, scenario), other)
  t.end()
})
