/**
 * What the pages say that a reader will see: commands with their output, as they stand in blocks of README.md and docs, and whether an
 * output is the one of the page. Times, counts and ids are not compared, nor is how far columns are apart: every number stands for any
 * other, with or without its unit. `...` in a line of its own stands for lines that were left out.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A command as a page shows it. */
export interface Shown {
  readonly page: string
  readonly line: number
  /** Without the prompt. */
  readonly command: string
  /** Lines below it, up to the next command or the end of its block. */
  readonly output: readonly string[]
}

/** README.md and the pages of docs. */
export const PAGES: readonly string[] = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** The text of a page. */
export const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8')

/** The commands of a page's text blocks. */
export function shownOn(page: string): Shown[] {
  const found: (Shown & { output: string[] })[] = []
  let open: (Shown & { output: string[] }) | null = null
  let inside = false
  textOf(page)
    .split('\n')
    .forEach((line, i) => {
      if (line.startsWith('```')) {
        inside = line === '```text'
        open = null
      } else if (inside && line.startsWith('$ ')) {
        open = { page, line: i + 1, command: line.slice(2).replace(/^npx /, ''), output: [] }
        found.push(open)
      } else open?.output.push(line)
    })
  return found
}

/** Every command with its place that a page has somewhere in code, with or without output. */
export function commandsOn(page: string): { line: number; command: string }[] {
  return textOf(page)
    .split('\n')
    .flatMap((text, i) =>
      [...text.matchAll(/npx (hmm [a-z][^`]*)/g)].map(([, command = '']) => ({
        line: i + 1,
        command: command.replace(/\s+(#|2>).*$/, ''),
      })),
    )
}

/** Scenarios that a page shows as a whole, by name. */
export function scenariosOn(page: string): Map<string, string> {
  return new Map(
    [...textOf(page).matchAll(/^```(?:scn|text)\n(scenario (\S+)\n[\s\S]*?)^```$/gm)].map(([, text = '', name = '']) => [
      name,
      text,
    ]),
  )
}

/** Links of a page to files here that are not there, or to headings that these do not have. */
export function brokenLinks(page: string): string[] {
  const headings = (path: string) =>
    [...textOf(path).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replace(/\s/g, '-'),
    )
  return [...textOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].flatMap(([, to = '', anchor]) => {
    const path = to === '' ? page : join(dirname(page), to)
    if (!existsSync(join(ROOT, path))) return [`${page}: ${to}`]
    return anchor === undefined || headings(path).includes(anchor) ? [] : [`${page}: ${to}#${anchor}`]
  })
}

/** The words of a command as a shell would hand them over. */
export function words(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain = '']) => quoted ?? plain)
}

/** A line of output with everything taken out that differs from run to run. */
export function shape(line: string): string {
  return line
    .replace(/hmm1_\S+/g, 'TOKEN')
    .replace(/-[0-9a-f]{8}\.replay\.json/g, '-ID.replay.json')
    .replace(/(\d[\d,]*\.?\d*)(e-?\d+)?( ?(ns|us|ms|s|%)\b)?/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
}

/** How many lines of `group` stand in `lines` from `at` on, one after the other. */
function agrees(group: readonly string[], lines: readonly string[], at: number): number {
  const differs = group.findIndex((line, i) => shape(line) !== lines[at + i])
  return differs < 0 ? group.length : differs
}

/**
 * The first line of `shown` that is not in `actual` where it has to be, and what is there; null when there is none. Lines between two `...`
 * have to stand together.
 */
export function firstDifference(shown: readonly string[], actual: readonly string[]): string | null {
  const lines = actual.map(shape).filter((line) => line !== '')
  const groups: string[][] = [[]]
  for (const line of shown) {
    if (shape(line) === '...') groups.push([])
    else if (shape(line) !== '') groups.at(-1)?.push(line)
  }
  let at = 0
  for (const [i, group] of groups.entries()) {
    const last = i === groups.length - 1 && group.length > 0
    const places = i === 0 ? [0] : Array.from({ length: lines.length - at }, (_, k) => at + k)
    if (group.length === 0) continue
    const fits = (place: number) =>
      agrees(group, lines, place) === group.length && (!last || place + group.length === lines.length)
    const place = places.find(fits)
    if (place !== undefined) {
      at = place + group.length
      continue
    }
    const best = places.reduce((a, b) => (agrees(group, lines, b) > agrees(group, lines, a) ? b : a), at)
    const far = agrees(group, lines, best)
    return `${group[far] ?? 'nothing more'}\n  where there is: ${lines[best + far] ?? 'nothing more'}`
  }
  return null
}
