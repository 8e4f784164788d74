/** Does every operation of the scenario language parse in all its forms, to what an actor is handed? */
import t from 'tap'
import { isConcurrent, parseSequential } from '../../src/scenario/parse.ts'

/** The one operation of a line. */
function parsed(line: string): unknown {
  return parseSequential('a.scn', line).lines[0]?.op
}

const FORMS: readonly (readonly [line: string, op: object])[] = [
  ['mmap A 4 rw private', { op: 'mmap', handle: 'A', pages: 4, prot: 'rw', kind: 'private' }],
  ['mmap Z 0 - shared', { op: 'mmap', handle: 'Z', pages: 0, prot: '-', kind: 'shared' }],
  ['mmap B 1 r memfd', { op: 'mmap', handle: 'B', pages: 1, prot: 'r', kind: 'memfd' }],
  ['mmap B 1 w file-shared', { op: 'mmap', handle: 'B', pages: 1, prot: 'w', kind: 'file-shared' }],
  ['mmap B 1 rwx file-private', { op: 'mmap', handle: 'B', pages: 1, prot: 'rwx', kind: 'file-private' }],
  ['mmap A 512 rw private thp', { op: 'mmap', handle: 'A', pages: 512, prot: 'rw', kind: 'private', huge: 'thp' }],
  ['mmap A 512 x private hugetlb', { op: 'mmap', handle: 'A', pages: 512, prot: 'x', kind: 'private', huge: 'hugetlb' }],
  ['mmap B 4 rx memfd same=A', { op: 'mmap', handle: 'B', pages: 4, prot: 'rx', kind: 'memfd', same: 'A' }],
  ['mmap A 65536 wx private', { op: 'mmap', handle: 'A', pages: 65536, prot: 'wx', kind: 'private' }],
  ['munmap A 1 2', { op: 'munmap', handle: 'A', page: 1, pages: 2 }],
  ['munmap A 70000 1', { op: 'munmap', handle: 'A', page: 70000, pages: 1 }],
  ['mprotect A 0 4 -', { op: 'mprotect', handle: 'A', page: 0, pages: 4, prot: '-' }],
  ['mremap A 8', { op: 'mremap', handle: 'A', pages: 8, mode: 'none' }],
  ['mremap A 8 maymove', { op: 'mremap', handle: 'A', pages: 8, mode: 'maymove' }],
  ['mremap A 8 move', { op: 'mremap', handle: 'A', pages: 8, mode: 'move' }],
  ['mremap A 8 dontunmap', { op: 'mremap', handle: 'A', pages: 8, mode: 'dontunmap' }],
  ['store A 3 18446744073709551615', { op: 'store', handle: 'A', page: 3, value: 18446744073709551615n }],
  ['load A 3', { op: 'load', handle: 'A', page: 3 }],
  ['dread 0 A 0 4', { op: 'dread', device: 0, handle: 'A', page: 0, pages: 4 }],
  ['dwrite 1 A 0 4 7', { op: 'dwrite', device: 1, handle: 'A', page: 0, pages: 4, value: 7n }],
  ['snapshot 0 A 0 4', { op: 'snapshot', device: 0, handle: 'A', page: 0, pages: 4 }],
  ['migrate_dev 0 A 0 4', { op: 'migrate_dev', device: 0, handle: 'A', page: 0, pages: 4 }],
  ['migrate_sys 0 A 0 4', { op: 'migrate_sys', device: 0, handle: 'A', page: 0, pages: 4 }],
  ['exclusive 1 A 0 4', { op: 'exclusive', device: 1, handle: 'A', page: 0, pages: 4 }],
  ['check_exclusive 1 A 0 4', { op: 'check_exclusive', device: 1, handle: 'A', page: 0, pages: 4 }],
  ['reg_mr 0 A 0 4 rw', { op: 'reg_mr', device: 0, handle: 'A', page: 0, pages: 4, prot: 'rw' }],
  ['dereg_mr 0 A 0 4', { op: 'dereg_mr', device: 0, handle: 'A', page: 0, pages: 4 }],
  ['prefetch 1 A 0 4', { op: 'prefetch', device: 1, handle: 'A', page: 0, pages: 4, advice: 'read' }],
  ['prefetch 1 A 0 4 no_fault', { op: 'prefetch', device: 1, handle: 'A', page: 0, pages: 4, advice: 'no_fault' }],
  ['open 0', { op: 'open', device: 0 }],
  ['close 1', { op: 'close', device: 1 }],
  ['release 0', { op: 'release', device: 0 }],
  ['fork', { op: 'fork' }],
  ['proc 2', { op: 'proc', process: 2 }],
  ['exit 255', { op: 'exit', process: 255 }],
]

for (const [line, op] of FORMS) {
  t.test(line, async (t) => t.strictSame(parsed(line), op))
}

for (const advice of [
  ...['dontneed', 'free', 'pageout', 'remove', 'populate_read', 'populate_write'],
  ...['hugepage', 'nohugepage', 'collapse', 'dontfork', 'wipeonfork'],
]) {
  t.test(`madvise A 0 4 ${advice}`, async (t) =>
    t.strictSame(parsed(`madvise A 0 4 ${advice}`), { op: 'madvise', handle: 'A', page: 0, pages: 4, advice }),
  )
}

t.test('a result is everything behind the arrow, and lines without one have none', async (t) => {
  const { lines } = parseSequential('a.scn', 'load A 0 => 7\nload A 1\ndread 0 A 0 2 => ok cpages=2 faults=1 values=0*2\n')
  t.strictSame(
    lines.map(({ line, expected }) => [line, expected]),
    [
      [1, '7'],
      [2, undefined],
      [3, 'ok cpages=2 faults=1 values=0*2'],
    ],
  )
})

t.test('the first comment is the title, `# uses:` lists features, and lines are counted over all of them', async (t) => {
  const text = '# two_pages: what the file is for\n# uses: fork shared\n\n  load A 0   =>   7\r\n# linux-6.1 => 8\n\tfork\t\n'
  const { title, uses, lines, file } = parseSequential('x/two.scn', text)
  t.equal(file, 'x/two.scn')
  t.equal(title, 'two_pages: what the file is for')
  t.strictSame(uses, ['fork', 'shared'])
  t.strictSame(
    lines.map(({ line, op, expected }) => [line, op.op, expected]),
    [
      [4, 'load', '7'],
      [6, 'fork', undefined],
    ],
  )
})

t.test('devices: one more than the highest that is named', async (t) => {
  t.equal(parseSequential('a', 'fork').devices, 0)
  t.equal(parseSequential('a', 'open 0').devices, 1)
  t.equal(parseSequential('a', 'open 0\ndread 1 A 0 1').devices, 2)
})

t.test('a concurrent scenario is known by its first significant line', async (t) => {
  t.equal(isConcurrent('# title\n\nscenario munmap-during-read\nera sequence\n'), true)
  t.equal(isConcurrent('mmap A 4 rw private\nscenario x'), false)
  t.equal(isConcurrent(''), false)
  t.equal(isConcurrent('# scenario x'), false)
})
