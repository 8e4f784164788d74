/** Is docs/names.md true? Each name of ours is a word of the file that stands beside it. And what docs/protocol.md sends readers to is there. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { RACE_IDS } from '../../src/races/index.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** Cells of the rows of a page's tables that have `columns` columns, without headings. */
function rows(page: string, columns: number): string[][] {
  return read(page)
    .split('\n')
    .filter((line) => /^\|(?!---)/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
    .filter((cells) => cells.length === columns)
}

const named = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name.replace(/^dev\.(\w+\.)?/, ''))

/** Names of a row that are not in its file; or that it names no file or no name. */
function wrongIn([, ours = '', file = '']: readonly string[]): string[] {
  if (!existsSync(join(ROOT, file))) return [`${file} is not there`]
  const text = read(file)
  const names = named(ours)
  if (names.length === 0) return [`${file}: a row without a name`]
  return names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text)).map((name) => `${file}: ${name}`)
}

const NAMES = rows('docs/names.md', 3).filter(([, , file]) => file !== 'file')

t.test('each name of ours is in its file', (t) => {
  t.ok(NAMES.length > 60)
  t.same(NAMES.flatMap(wrongIn), [])
  t.end()
})

t.test('a name that is not there is noticed', (t) => {
  t.same(wrongIn(['`mmput`', '`mmPutt`', 'shared/mm/exit.ts']), ['shared/mm/exit.ts: mmPutt'])
  t.same(wrongIn(['`mmput`', '`mmPut`', 'shared/mm/gone.ts']), ['shared/mm/gone.ts is not there'])
  t.end()
})

t.test('the races of the pictures can be put in, and the names in them are in the list of names', (t) => {
  const races = [...read('docs/protocol.md').matchAll(/--bug ([\w-]+)/g)].map(([, id = '']) => id)
  t.ok(races.length > 15)
  t.same(
    races.filter((id) => !(RACE_IDS as readonly string[]).includes(id)),
    [],
  )
  const known = new Set(NAMES.flatMap(([, ours = '']) => named(ours)))
  const used = rows('docs/protocol.md', 2).flatMap(([ours = '']) => named(ours))
  t.ok(used.length > 15)
  t.same(
    used.filter((name) => !known.has(name)),
    [],
  )
  t.end()
})
