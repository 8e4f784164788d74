/** Does every mistake in a scenario file give one sentence that names file, line and what is wrong? */
import t from 'tap'
import { HmmError } from '../../shared/seam/error.ts'
import { InputError } from '../../src/scenario/error.ts'
import { parseSequential } from '../../src/scenario/parse.ts'

function mistake(text: string): InputError {
  try {
    parseSequential('some/file.scn', text)
  } catch (error) {
    if (error instanceof InputError) return error
    throw error
  }
  throw new Error(`nothing is wrong with ${JSON.stringify(text)}`)
}

const MISTAKES: readonly (readonly [line: string, problem: RegExp])[] = [
  // words that are missing
  ['mmap', /mmap needs a HANDLE$/],
  ['mmap A', /mmap needs a number of pages N$/],
  ['mmap A 4', /mmap needs PROT$/],
  ['mmap A 4 rw', /mmap needs KIND$/],
  ['munmap A 0', /munmap needs a number of pages N$/],
  ['mprotect A 0 1', /mprotect needs PROT$/],
  ['madvise A 0 1', /madvise needs ADVICE$/],
  ['mremap A', /mremap needs a number of pages N$/],
  ['store A 0', /store needs a VALUE$/],
  ['load A', /load needs a PAGE$/],
  ['dread', /dread needs a DEVICE$/],
  ['dwrite 0 A 0 1', /dwrite needs a VALUE$/],
  ['open', /open needs a DEVICE$/],
  ['proc', /proc needs a process number$/],
  // words too many
  ['mmap A 4 rw private thp again', /mmap: after KIND come thp, hugetlb or same=HANDLE, not "again"$/],
  ['munmap A 0 1 2', /munmap does not take "2"$/],
  ['fork now', /fork does not take "now"$/],
  ['mremap A 4 move there', /mremap does not take "there"$/],
  ['load A 0 0', /load does not take "0"$/],
  ['dwrite 0 A 0 1 7 8', /dwrite does not take "8"$/],
  // numbers
  ['mmap A -1 rw private', /mmap: N must be a whole number, not "-1"$/],
  ['mmap A 1.5 rw private', /mmap: N must be a whole number, not "1.5"$/],
  ['mmap A 0x10 rw private', /mmap: N must be a whole number, not "0x10"$/],
  ['mmap A 65537 rw private', /mmap: N must lie between 0 and 65536, not "65537"$/],
  ['mremap A 65537', /mremap: N must lie between 0 and 65536, not "65537"$/],
  [`munmap A 0 ${'9'.repeat(400)}`, /munmap: N must lie between 0 and \d+, not "9+"$/],
  ['load A x', /load: PAGE must be a whole number, not "x"$/],
  ['dread 8 A 0 1', /dread: DEVICE must lie between 0 and 7, not "8"$/],
  ['store A 0 -1', /store: a value must be a whole number, not "-1"$/],
  ['store A 0 18446744073709551616', /store: a value has at most 64 bits, not "18446744073709551616"$/],
  ['exit 256', /exit: PROCESS must lie between 0 and 255, not "256"$/],
  // names
  ['mmap a 4 rw private', /mmap: a handle is one letter from A to Z, not "a"$/],
  ['mmap AB 4 rw private', /mmap: a handle is one letter from A to Z, not "AB"$/],
  ['mmap A 4 wr private', /mmap: PROT is letters of rwx in this order, or - for none, not "wr"$/],
  ['mmap A 4 rw stack', /mmap: KIND is private, shared, memfd, file-shared or file-private, not "stack"$/],
  ['mmap A 4 rw memfd same=', /mmap: after KIND come thp, hugetlb or same=HANDLE, not "same="$/],
  ['mmap A 4 rw private thp hugetlb', /mmap takes one of thp and hugetlb, once$/],
  ['mmap A 4 rw memfd same=B same=C', /mmap takes same= once$/],
  ['madvise A 0 1 willneed', /madvise: ADVICE is dontneed, .*, not "willneed"$/],
  ['mremap A 4 fly', /mremap: a mode of mremap is maymove, move or dontunmap, not "fly"$/],
  // operations
  ['frobnicate A', /unknown operation "frobnicate"; known are mmap, munmap, .*exit$/],
  ['MMAP A 4 rw private', /unknown operation "MMAP"/],
  ['constructor', /unknown operation "constructor"/],
  ['toString', /unknown operation "toString"/],
  ['__proto__ A', /unknown operation "__proto__"/],
  ['scenario', /unknown operation "scenario"/],
  // arrows
  ['load A 0 => 1 => 2', /" => " may occur once in a line$/],
  ['load A 0 =>', /nothing follows "=>"$/],
  ['load A 0 =>   ', /nothing follows "=>"$/],
  ['load A 0=> 1', /load: PAGE must be a whole number, not "0=>"$/],
  ['=> ok', /unknown operation "=>"/],
]

for (const [line, problem] of MISTAKES) {
  t.test(line.length > 60 ? `${line.slice(0, 60)}...` : line, async (t) => {
    const error = mistake(`# title\nfork\n\n${line}\nfork`)
    t.match(error.message, problem)
    t.ok(error.message.startsWith('some/file.scn:4: '), 'it names file and line')
    t.equal(error.message.includes('\n'), false, 'one sentence on one line')
    t.strictSame([error.file, error.line, error.code], ['some/file.scn', 4, 'HMM_ERR_INPUT'])
    t.ok(error instanceof HmmError)
  })
}

for (const [name, text] of [
  ['an empty file', ''],
  ['blank lines', '\n \n\t\n'],
  ['comments only', '# title\n# uses: fork\n'],
] as const) {
  t.test(`${name}: there are no operations, and no line to blame`, async (t) => {
    const error = mistake(text)
    t.equal(error.message, 'some/file.scn: the file has no operations')
    t.equal(error.line, 0)
  })
}

t.test('the first mistake counts', async (t) => {
  t.equal(mistake('load A x\nload').line, 1)
})
