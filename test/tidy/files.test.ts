/** Would one want to live here? One concept per file, a contract on top, nothing left lying about. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const MAX_LINES = 400

const files = ['shared', 'workers', 'src', 'test', 'bench'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(join(ROOT, folder, name), 'utf8') })),
)

t.test(`no file has more than ${MAX_LINES} lines`, (t) => {
  const long = files.map(({ path, text }) => ({ path, lines: text.split('\n').length })).filter(({ lines }) => lines > MAX_LINES)
  t.same(long, [])
  t.end()
})

t.test('every file begins with its contract', (t) => {
  t.same(
    files.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path),
    [],
  )
  t.end()
})

t.test('no file is called utils, helpers or misc', (t) => {
  t.same(
    files.filter(({ path }) => /(^|\/)(utils?|helpers?|misc|common)\.ts$/.test(path)).map(({ path }) => path),
    [],
  )
  t.end()
})

t.test('every exported function of shared/ says what it does, unless it is one line', (t) => {
  const silent = files
    .filter(({ path }) => path.startsWith('shared/'))
    .flatMap(({ path, text }) => {
      const lines = text.split('\n')
      return lines.flatMap((line, i) => {
        const name = /^export (?:function|class) (\w+)/.exec(line)?.[1]
        const above = lines[i - 1] === '@inline' ? lines[i - 2] : lines[i - 1] // a decorator of AssemblyScript
        if (name === undefined || above?.trim().endsWith('*/') === true) return []
        const end = lines.findIndex((one, j) => j > i && one === '}')
        return end - i > 4 ? [`${path}: ${name}`] : []
      })
    })
  t.same(silent, [])
  t.end()
})
