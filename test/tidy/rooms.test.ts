/**
 * Do the rooms hold? Imports run downwards only; shared/ runs in a browser worker too; every shared synchronisation access
 * goes through the seam; there is one clock and one source of chance.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Lowest first. A file may import from its own room and from rooms before it. */
const ROOMS = [
  'shared/memory',
  'shared/seam',
  'shared/sched',
  'shared/sync',
  'shared/frame',
  'shared/notifier',
  'shared/mm',
  'shared/hmm',
  'shared/device',
  'shared/drivers',
  'shared/check',
  'shared/actor',
  'workers',
  'src',
]

interface Source {
  readonly path: string
  readonly text: string
}

function sources(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(join(ROOT, folder, name), 'utf8') })),
  )
}

function roomOf(path: string): number {
  return ROOMS.findIndex((room) => path.startsWith(`${room}/`))
}

function imports(source: Source): string[] {
  return [...source.text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] as string)
}

/** Code without comments and strings. */
function code(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/.*$/gm, '')
    .replace(/'[^'\n]*'|`[^`]*`/g, "''")
}

/** Lines of `files` on which `pattern` occurs in code. */
function occurrences(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    code(text)
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  )
}

const shared = sources('shared')
const all = sources('shared', 'workers', 'src')

t.test('every file lies in a room', (t) => {
  t.same(
    all.filter(({ path }) => roomOf(path) < 0).map(({ path }) => path),
    [],
  )
  t.end()
})

t.test('imports run downwards only', (t) => {
  const upward = all.flatMap((source) =>
    imports(source)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => normalize(join(dirname(source.path), specifier)))
      .filter((target) => roomOf(target) > roomOf(source.path))
      .map((target) => `${source.path} -> ${target}`),
  )
  t.same(upward, [])
  t.end()
})

t.test('drivers keep to the driver contract: they import shared/device/index.ts and each other, nothing else', (t) => {
  const strays = shared
    .filter(({ path }) => path.startsWith('shared/drivers/'))
    .flatMap((source) => imports(source).map((specifier) => normalize(join(dirname(source.path), specifier))))
    .filter((target) => target !== 'shared/device/index.ts' && !target.startsWith('shared/drivers/'))
  t.same(strays, [])
  t.end()
})

t.test('shared/ imports nothing but shared/', (t) => {
  t.same(
    shared.flatMap((source) => imports(source).filter((specifier) => !specifier.startsWith('.'))),
    [],
  )
  t.end()
})

t.test('Atomics are used in shared/seam and shared/sync only', (t) => {
  const outside = all.filter(({ path }) => !path.startsWith('shared/seam/') && !path.startsWith('shared/sync/'))
  t.same(occurrences(outside, /\bAtomics\./), [])
  t.end()
})

t.test('the module has its atomics from its own seam only', (t) => {
  const module = shared.filter(({ path }) => path.startsWith('shared/hmm/module/'))
  t.ok(occurrences(module, /\batomic\./).length > 0, 'they are found')
  const outside = module.filter(({ path }) => path !== 'shared/hmm/module/atomics.ts')
  t.same(occurrences(outside, /\batomic\./), [])
  t.end()
})

t.test('there is one clock and one chance, in the seam', (t) => {
  const outside = sources('shared', 'workers').filter(({ path }) => !path.startsWith('shared/seam/'))
  t.same(occurrences(outside, /Math\.random|Date\.now|performance\.|hrtime|new Date/), [])
  t.same(occurrences(shared, /Math\.random|Date\.now|hrtime|new Date/), [])
  t.end()
})

t.test('these rules can fail: each finds a planted offence', (t) => {
  const offender = {
    path: 'shared/mm/x.ts',
    text: "import { x } from '../hmm/y.ts'\nAtomics.load(a, 0)\nMath.random()\n// Atomics.load in a comment\n",
  }
  t.equal(occurrences([offender], /\bAtomics\./).length, 1, 'and a comment is no offence')
  t.equal(occurrences([offender], /Math\.random/).length, 1)
  t.ok(roomOf(normalize(join(dirname(offender.path), imports(offender)[0] as string))) > roomOf(offender.path))
  t.end()
})
