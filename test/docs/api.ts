/**
 * `npm run docs:api`: the reference of the package's entry points, a page of Markdown for each in dist/api, made from the docstrings of the
 * built declarations. Ends with 1, and a line for each, when something that is exported says nothing about itself.
 *
 * API Extractor reads the declarations, with the TypeScript that it brings along (ours is native, and has no API for it). What it finds is
 * a tree of items, each with its text and its docstring; the pages are that tree written down. What has to have a docstring: every export,
 * and every method of an exported class or interface. Several constants declared in one statement share the statement's.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const OUT = join(ROOT, 'dist/api')
const MODEL = join(OUT, 'model.json')
/** Kinds of item that have to say what they are. Properties say it where their name does not. */
const SAY: ReadonlySet<string> = new Set(['Class', 'Interface', 'TypeAlias', 'Function', 'Variable', 'Method', 'MethodSignature'])

/** An item of API Extractor's model, as far as it is used here. */
interface Item {
  readonly kind: string
  readonly name?: string
  docComment?: string
  readonly fileUrlPath?: string
  readonly excerptTokens?: readonly { readonly text: string }[]
  readonly members?: readonly Item[]
}

/** The package's entry points: what is imported, and the declarations behind it. */
function entryPoints(): { name: string; types: string }[] {
  const { name, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    name: string
    exports: Record<string, string | { types: string }>
  }
  return Object.entries(exports).flatMap(([path, entry]) =>
    typeof entry === 'string' ? [] : [{ name: path.replace('.', name), types: join(ROOT, entry.types) }],
  )
}

/** What an entry point exports. */
function exportsOf(types: string): readonly Item[] {
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: types,
      compiler: { tsconfigFilePath: join(ROOT, 'tsconfig.json') },
      docModel: { enabled: true, apiJsonFilePath: MODEL },
    },
  })
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      // Release tags and the rules of TSDoc are not ours; declarations that do not compile are an error.
      message.handled = true
      if (message.logLevel === ExtractorLogLevel.Error && message.category === 'Compiler') throw new Error(message.text)
    },
  })
  const { members = [] } = JSON.parse(readFileSync(MODEL, 'utf8')) as Item
  return members[0]?.members ?? []
}

/** The docstring of the statement that declares `name` beside other constants, in the declarations of a source file. */
function sharedDoc(path: string, name: string): string {
  const file = path.startsWith('dist/') ? path : `dist/${path.replace(/\.ts$/, '.d.ts')}`
  const text = existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), 'utf8') : ''
  const statements = text.matchAll(
    /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\s*export declare const ([\s\S]*?);\n(?=\/\*\*|\/\/|export |declare |$)/g,
  )
  for (const [, doc = '', list = ''] of statements) if (new RegExp(`(^|, )${name}: `).test(list)) return doc
  return ''
}

/** The docstring of an item as text: its own, or the one it shares. */
function docOf({ docComment = '', fileUrlPath, name = '' }: Item): string {
  const comment = docComment !== '' || fileUrlPath === undefined ? docComment : sharedDoc(fileUrlPath, name)
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*) ?/, '').replace(/\s*\*\/$/, ''))
    .join('\n')
    .trim()
}

/** Names of items that have to have a docstring, and have none. */
function undocumented(items: readonly Item[], path: string): string[] {
  return items.flatMap((item) => [
    ...(SAY.has(item.kind) && docOf(item) === '' ? [`${path}.${item.name}`] : []),
    ...undocumented(item.members ?? [], `${path}.${item.name}`),
  ])
}

/** One export as Markdown: its text, its docstring, and the same of its members. */
function section(item: Item): string {
  const text = (one: Item) =>
    (one.excerptTokens ?? [])
      .map((token) => token.text)
      .join('')
      .trim()
  const members = (item.members ?? []).map(
    (member) => `- \`${text(member).replaceAll(/\s+/g, ' ')}\`\n  ${docOf(member).replaceAll('\n', '\n  ')}`,
  )
  const title = item.name === '_default' ? 'default export' : item.name
  return [`## ${title}`, `\`\`\`ts\n${text(item)}\n\`\`\``, docOf(item), members.map((line) => line.trimEnd()).join('\n')]
    .filter((part) => part !== '')
    .join('\n\n')
}

rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT, { recursive: true })
const missing: string[] = []
const contents: string[] = []
for (const { name, types } of entryPoints()) {
  const items = exportsOf(types)
  missing.push(...undocumented(items, name))
  const page = `${name.replaceAll('/', '-')}.md`
  writeFileSync(join(OUT, page), `# ${name}\n\n${items.map(section).join('\n\n')}\n`)
  contents.push(`| [${name}](${page}) | ${items.length} |`)
}
rmSync(MODEL)
const README = `# Reference\n\nMade from the docstrings by \`npm run docs:api\`.\n\n| import | exports |\n|---|---:|\n${contents.join('\n')}\n`
writeFileSync(join(OUT, 'README.md'), README)
for (const name of missing) console.error(`${name} is exported and has no docstring`)
if (missing.length > 0) process.exitCode = 1
else console.log(`dist/api: ${contents.length} entry points, each export with its docstring`)
