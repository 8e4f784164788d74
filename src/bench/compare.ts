/**
 * `--compare`: what has changed between two documents of `hmm bench`, and whether it is more than chance.
 *
 * A repetition is one observation. The batches within it are no others: they share a thread, its compiled code and its memory, and
 * would make any two runs look different. A result is held against a floor that was measured beside it in each repetition, and where
 * it has none, against the loop that is always the same, so that a slower host is no regression.
 *
 * A change is significant when the exact Mann-Whitney test over the repetitions says so (p < 0.05, either way), and it is more than
 * what the repetitions of either document differ by among themselves.
 */
import { readFileSync } from 'node:fs'
import { type BenchDocument, benchDocument } from '../documents.ts'
import { InputError } from '../scenario/error.ts'
import { median } from './median.ts'
import { rankSumP, smallestP } from './ranksum.ts'

/** One row of two documents: its medians in ns, what both are held against, and whether the change is more than chance. */
export interface Change {
  readonly name: string
  readonly old_ns: number
  readonly new_ns: number
  /** What both are held against: the name of a floor, or `host-loop`. */
  readonly basis: string
  /** New over old, both on that basis, less one: 0.1 is ten percent slower. */
  readonly change: number
  /** What the repetitions differ by among themselves, the larger of both. */
  readonly spread: number
  readonly p: number
  readonly significant: boolean
  /** Significantly slower, by more than the threshold. What a floor costs is the host's affair, and never one. */
  readonly regression: boolean
}

/** Two bench documents row by row. */
export interface Comparison {
  readonly old_file: string
  readonly threshold_percent: number
  readonly changes: readonly Change[]
  readonly only_old: readonly string[]
  readonly only_new: readonly string[]
  readonly notes: readonly string[]
}

/** What of a document is compared. */
export interface Comparable {
  readonly era: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly quick: boolean
  readonly benchmarks: readonly {
    readonly name: string
    readonly loop_ns: readonly number[]
    readonly others: readonly number[]
  }[]
  readonly results: readonly ComparableResult[]
}

interface ComparableResult {
  readonly name: string
  readonly benchmark: string
  readonly repetitions: readonly number[]
  readonly ratios: Readonly<Record<string, readonly number[]>>
}

const LEVEL = 0.05
/** Others with more than this share of the cores are told of. */
const BUSY = 0.25
const SCHEMA = 'hmm-runtime/bench/1'
export const HOST_LOOP = 'host-loop'

/** Reads a document of `hmm bench`. Throws InputError for a file that is none. */
export function readBenchDocument(file: string): BenchDocument {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is no JSON' : `cannot be read: ${(error as NodeJS.ErrnoException).code}`
    throw new InputError(file, 0, why)
  }
  const schema = typeof json === 'object' && json !== null && 'schema' in json ? json.schema : undefined
  if (schema !== SCHEMA)
    throw new InputError(
      file,
      0,
      `is no document of hmm bench: its schema is ${JSON.stringify(schema) ?? 'not there'}, not "${SCHEMA}"`,
    )
  const checked = benchDocument.safeParse(json)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw new InputError(file, 0, `${issue?.path.join('.')}: ${issue?.message}`)
}

/** A floor stands in each benchmark that has it beside its rows: those are rows of their own. */
function sameRow(a: ComparableResult, b: ComparableResult): boolean {
  return a.name === b.name && a.benchmark === b.benchmark
}

/** Compares. `thresholdPercent` is what a significant change may be without being a regression. */
export function compare(old: Comparable, now: Comparable, file: string, thresholdPercent = 10): Comparison {
  const changes = now.results.flatMap((one) => {
    const before = old.results.find((other) => sameRow(other, one))
    return before === undefined ? [] : [changeOf(side(old, before), side(now, one), thresholdPercent / 100)]
  })
  const missing = (from: Comparable, to: Comparable) =>
    from.results.filter((row) => !to.results.some((other) => sameRow(other, row))).map(({ name }) => name)
  return {
    old_file: file,
    threshold_percent: thresholdPercent,
    changes,
    only_old: missing(old, now),
    only_new: missing(now, old),
    notes: notesOf(old, now, changes),
  }
}

/** Of one result in one document: its repetitions, and by each basis. */
interface Side {
  readonly name: string
  readonly times: readonly number[]
  readonly by: ReadonlyMap<string, readonly number[]>
}

function side(document: Comparable, result: ComparableResult): Side {
  const { name, repetitions: times, ratios } = result
  const by = new Map(
    Object.entries(ratios).filter(([base, values]) => base.startsWith('floor/') && values.length === times.length),
  )
  const loops = document.benchmarks.find((one) => one.name === result.benchmark)?.loop_ns ?? []
  if (loops.length === times.length)
    by.set(
      HOST_LOOP,
      times.map((ns, i) => ns / (loops[i] as number)),
    )
  return { name, times, by }
}

function changeOf(old: Side, now: Side, threshold: number): Change {
  // A floor that another program measured is nearer to the metal than one of ours; the loop comes last in the map.
  const common = [...now.by.keys()].filter((base) => old.by.has(base))
  const basis = common.find((base) => base.startsWith('floor/c/')) ?? common[0]
  const before = (basis === undefined ? undefined : old.by.get(basis)) ?? old.times
  const after = (basis === undefined ? undefined : now.by.get(basis)) ?? now.times
  const change = median(after) / median(before) - 1
  const spread = Math.max(spreadOf(before), spreadOf(after))
  const p = rankSumP(before, after)
  const significant = p < LEVEL && Math.abs(change) > spread
  return {
    name: now.name,
    old_ns: median(old.times),
    new_ns: median(now.times),
    basis: basis ?? 'none',
    change,
    spread,
    p,
    significant,
    regression: significant && change > threshold && !now.name.startsWith('floor/'),
  }
}

function spreadOf(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}

function notesOf(old: Comparable, now: Comparable, changes: readonly Change[]): string[] {
  const differs = (what: string, a: unknown, b: unknown) => (a === b ? [] : [`another ${what}: ${a} before, ${b} now`])
  const counts = (of: Comparable) => Math.min(...of.results.map(({ repetitions }) => repetitions.length))
  const notes = [
    ...differs('processor', old.cpu, now.cpu),
    ...differs('number of cores', old.cores, now.cores),
    ...differs('version of Node', old.node, now.node),
    ...differs('era', old.era, now.era),
  ]
  if (old.quick || now.quick) notes.push('a quick run shows that it works; its figures are not to be compared')
  const busiest = Math.max(0, ...[old, now].flatMap((one) => one.benchmarks.flatMap(({ others }) => others)))
  if (busiest > BUSY)
    notes.push(
      `other processes used up to ${Math.round(100 * busiest)} % of the cores' time: repetitions that follow each other are slow together, and more is called significant than is`,
    )
  if (changes.length === 0) return [...notes, 'no result is in both']
  const [before, after] = [counts(old), counts(now)]
  const best = smallestP(before, after)
  if (best >= LEVEL)
    notes.push(
      `${before} and ${after} repetitions are too few to tell a change from chance (p is ${best.toFixed(2)} at best): four on each side are enough`,
    )
  return notes
}
