/** What `hmm bugs --table` measures, as its document says it. */
import { z } from 'zod'

export const SEARCH_NAMES = ['random', 'pct1', 'pct2', 'pct3', 'dfs'] as const
export type SearchName = (typeof SEARCH_NAMES)[number]

const count = z.number().int().nonnegative()

/** How much is measured. Figures measured with other numbers cannot stand in one table. */
const asked = z.object({
  seeds: z.number().int().positive(),
  /** Most schedules of one seed. */
  most: z.number().int().positive(),
  /** Seconds under each load of free stress; 0: none. */
  stress_seconds: z.number().nonnegative(),
})

/** The same search on the variant without the race. */
const fixed = z.object({
  schedules: count,
  /** Every schedule within the bound was seen (dfs). */
  complete: z.boolean(),
  violation: z.string().nullable(),
})

/** What one strategy needs. A median or percentile is null when that many seeds found nothing. */
const search = z.object({
  search: z.enum(SEARCH_NAMES),
  /** Seeds that hit, of how many. */
  found: count,
  seeds: count,
  median: count.nullable(),
  p95: count.nullable(),
  schedules: count,
  cut_off: count,
  /** By which oracles, most often first. */
  oracles: z.array(z.string()),
  /** A depth-first search met a schedule that does not end, and cannot pass it. */
  endless: z.boolean(),
  fixed,
})

/** PCT's hits per schedule, at the race's depth, beside its bound 1 / (n * k^(d-1)). */
const bound = z.object({
  actors: count,
  steps: count,
  rate: z.number(),
  bound: z.number(),
  /** How likely so few hits are, if each schedule hits with the probability of the bound. */
  p: z.number(),
  holds: z.boolean(),
})

/** A find, shrunk. */
const trace = z.object({ operations: count, preemptions: count, steps: count, lines: count, token: z.string() })

/** Real threads under load, with the race in. */
const stress = z.object({
  hits: count,
  seconds: z.number(),
  /** Loads that showed it, and by which oracles. */
  loads: z.array(z.string()),
  oracles: z.array(z.string()),
})

const measured = z.object({
  id: z.string(),
  depth: count,
  searches: z.array(search),
  bound,
  trace: trace.nullable(),
  /** Null: not measured, or a primitive alone, which no load has. */
  stress: stress.nullable(),
  /** Oracles that reported it in a search, and that its folder does not name. */
  unexpected: z.array(z.string()),
})

export const tableSchema = z.object({ asked, races: z.array(measured) })

export type Asked = z.infer<typeof asked>
export type FixedResult = z.infer<typeof fixed>
export type SearchResult = z.infer<typeof search>
export type BoundResult = z.infer<typeof bound>
export type TraceResult = z.infer<typeof trace>
export type StressHits = z.infer<typeof stress>
export type Measured = z.infer<typeof measured>
export type TableDocument = z.infer<typeof tableSchema>

/** Is it found in most seeds by one search at least, by an oracle that it names, not worse than PCT's bound, and clean when fixed? */
export function passes({ searches, bound, unexpected }: Measured): boolean {
  const found = searches.some((one) => one.search !== 'random' && one.median !== null)
  return found && bound.holds && unexpected.length === 0 && searches.every((one) => one.fixed.violation === null)
}
