/**
 * Are docs/seeds.md and docs/rows.md true? Every file and test that they name is there, unless its row says that it is not here yet;
 * and then it is not. And two points of the mails can be looked at only in the text of the code.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
/** The rows of a document's tables, their headings among them. */
const rowsOf = (path: string) =>
  read(path)
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('|---'))
const ROWS = rowsOf('docs/seeds.md')
const TABLES = rowsOf('docs/rows.md')

/** What a row names that is not there. */
function missingIn(row: string): string[] {
  return [...row.matchAll(/`?((?:shared|src|bench|test|docs)\/[\w/.-]+\.(?:ts|md|scn))`?(?:: "([^"]+)")?/g)].flatMap(
    ([, path = '', title]) => {
      if (!existsSync(join(ROOT, path))) return [path]
      return title === undefined || read(path).includes(title) ? [] : [`${path}: ${title}`]
    },
  )
}

t.test('what a row names is there', (t) => {
  t.ok(ROWS.length > 40 && TABLES.length > 100)
  t.same([...ROWS, ...TABLES].filter((row) => !row.includes('not here yet')).flatMap(missingIn), [])
  t.end()
})

t.test('a row of a table names a test by its title, or says why there is none', (t) => {
  const wrong = TABLES.filter((row) => {
    const [rule = '', shown = '', ...rest] = row.slice(2, -2).split(' | ')
    if (shown.startsWith('shown by')) return false
    const named = [...shown.matchAll(/`test\/[\w/.-]+\.test\.ts`/g)]
    const titled = [...shown.matchAll(/`test\/[\w/.-]+\.test\.ts`: "[^"]+"/g)]
    const shows = named.length > 0 && named.length === titled.length
    return rule === '' || rest.length > 0 || !(shows || /^not made here: \w/.test(shown))
  })
  t.same(wrong, [])
  t.end()
})

t.test('a row that is not here yet names something that is not', (t) => {
  t.same(
    ROWS.filter((row) => row.includes('not here yet') && missingIn(row).length === 0),
    [],
    'these are here: their mark has to go',
  )
  t.end()
})

t.test('a row of a mail names code and a test', (t) => {
  const rows = ROWS.filter((row) => row.split('|').length === 5 && !/^\| (asked|era|`)/.test(row))
  t.same(
    rows.filter(
      (row) => !/(shared|docs)\//.test(row.split('|')[2] ?? '') || !/(test|docs)\/|not here yet/.test(row.split('|')[3] ?? ''),
    ),
    [],
  )
  t.end()
})

t.test('a path that is not there, and a title that is in no test, are noticed', (t) => {
  t.same(missingIn('| `shared/hmm/nothing.ts` | `test/tidy/seeds.test.ts`: "is there" | `docs/seeds.md` |'), [
    'shared/hmm/nothing.ts',
  ])
  t.same(missingIn('| `test/tidy/files.test.ts`: "no such title" |'), ['test/tidy/files.test.ts: no such title'])
  t.end()
})

t.test('the core of DMA mapping knows nothing of notifiers', (t) => {
  const imports = [...read('shared/mm/guprange.ts').matchAll(/^import (.*) from '([^']+)'/gm)]
    .filter(([, , from]) => from?.includes('/notifier/') || from?.includes('/hmm/'))
    .map(([line]) => line)
  t.same(imports, ["import type { Mm } from '../notifier/mmhead.ts'"], 'but what an address space is called')
  t.end()
})

t.test('the encoding says whose it is', (t) => {
  t.match(read('shared/hmm/encoding.ts'), /^\/\*\*\n \* The driver's own encoding of a page/)
  t.end()
})
