/** Can any text make the parser fail with anything but an InputError? */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { InputError } from '../../src/scenario/error.ts'
import { isConcurrent, parseSequential } from '../../src/scenario/parse.ts'

/** Operations that came out, or the sentence. Anything else that is thrown comes through. */
function outcome(text: string): number | string {
  try {
    isConcurrent(text)
    return parseSequential('a.scn', text).lines.length
  } catch (error) {
    if (error instanceof InputError) return error.message
    throw error
  }
}

const FOLDER = new URL(import.meta.url.includes('/dist/') ? '../../../test/conformance/' : '../conformance/', import.meta.url)
const RECORDED = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.scn'))
  .map((name) => readFileSync(join(FOLDER.pathname, name), 'utf8'))

const WORDS = [
  ...['mmap', 'munmap', 'mprotect', 'madvise', 'mremap', 'store', 'load', 'dread', 'dwrite', 'snapshot', 'fork', 'proc', 'exit'],
  ...['A', 'B', 'Z', 'a', '0', '1', '4', '-1', '1e3', '99999999999', 'rw', '-', 'private', 'memfd', 'same=A', 'thp', 'move'],
  ...[
    '=>',
    ' => ',
    'ok',
    '#',
    '# uses:',
    'scenario',
    'constructor',
    '__proto__',
    'valueOf',
    'dontneed',
    '\u00a0',
    '\ufeff',
    '\0',
  ],
]

const anyLine = fc.array(fc.constantFrom(...WORDS), { maxLength: 8 }).map((words) => words.join(' '))
const anyText = fc
  .array(fc.oneof(anyLine, fc.string(), fc.string({ unit: 'binary' })), { maxLength: 12 })
  .map((lines) => lines.join('\n'))

t.test('any text parses or is refused in one line', async (t) => {
  fc.assert(
    fc.property(anyText, (text) => {
      const result = outcome(text)
      return typeof result === 'number' ? result > 0 : /^a\.scn(:\d+)?: /.test(result)
    }),
    { seed: 3, numRuns: 5000 },
  )
  t.pass('5000 texts')
})

t.test('a recorded file with one piece cut out, doubled or replaced parses or is refused', async (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(40), fc.string({ maxLength: 5 }), (file, at, length, instead) => {
      const text = RECORDED[file % RECORDED.length] as string
      const cut = at % text.length
      outcome(text.slice(0, cut) + instead + text.slice(cut + length))
      outcome(text.slice(0, cut + length) + text.slice(cut))
    }),
    { seed: 4, numRuns: 1000 },
  )
  t.pass('2000 texts')
})

t.test('every recorded file parses, with a result on every line', async (t) => {
  t.ok(RECORDED.length > 500)
  for (const text of RECORDED) {
    const { lines } = parseSequential('a.scn', text)
    if (lines.some(({ expected }) => expected === undefined)) t.fail(text.slice(0, 60))
  }
})
