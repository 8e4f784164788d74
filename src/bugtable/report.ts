/** What was measured of the known races: the table of docs/races.md, and some lines for a terminal. */
import { type Asked, type Measured, passes, type SearchName, type SearchResult } from './document.ts'
import { DFS_TIMES } from './searches.ts'

const number = (value: number) => value.toLocaleString('en-US')
const rate = (value: number) => (value === 0 ? '0' : `1 in ${number(Math.round(1 / value))}`)

/** "34, 90", or how many seeds found it where not all did. */
function shown(one: SearchResult, { most }: Asked): string {
  if (one.search === 'dfs') return one.found === 1 ? number(one.median as number) : one.endless ? 'endless' : '-'
  if (one.found === 0) return '-'
  const at = (value: number | null) => (value === null ? `>${number(most)}` : number(value))
  const missed = one.found === one.seeds ? '' : ` (${one.found}/${one.seeds})`
  return `${at(one.median)}, ${at(one.p95)}${missed}`
}

function of(race: Measured, name: SearchName): SearchResult {
  return race.searches.find(({ search }) => search === name) as SearchResult
}

function oraclesOf({ searches }: Measured): string[] {
  return [...new Set(searches.flatMap(({ oracles }) => oracles))]
}

function fixedOf(race: Measured): string {
  const bad = race.searches.find(({ fixed }) => fixed.violation !== null)
  if (bad !== undefined) return `NOT CLEAN (${bad.search}: ${bad.fixed.violation})`
  const all = of(race, 'dfs').fixed
  const sum = race.searches.reduce((total, { fixed }) => total + fixed.schedules, 0)
  return `${number(sum)}${all.complete ? ` (dfs: all ${number(all.schedules)})` : ''}`
}

function stressOf({ stress }: Measured): string {
  if (stress === null) return ''
  if (stress.hits === 0) return '0'
  return `${perMinute(stress.hits, stress.seconds)}: ${stress.oracles.map(inWords).join(', ')} (${stress.loads.join(', ')})`
}

/** Who saw it under load: an oracle, or nobody before the machine broke. */
function inWords(oracle: string): string {
  return oracle === 'HMM_ERR_HUNG' ? 'hung' : oracle === 'HMM_ERR_INVARIANT' ? 'assertion' : oracle
}

function perMinute(hits: number, seconds: number): string {
  const value = (hits * 60) / seconds
  return value < 10 ? value.toFixed(1) : number(Math.round(value))
}

function traceOf({ trace }: Measured): string {
  return trace === null ? '-' : `${trace.operations}, ${trace.preemptions}, ${number(trace.lines)}`
}

/** The table of docs/races.md, with the sentences that say how to read it. */
export function markdown(races: readonly Measured[], asked: Asked, machine: string): string {
  const rows = races.map((race) => {
    const { bound } = race
    const cells = [
      race.id,
      String(race.depth),
      oraclesOf(race).join(', '),
      shown(of(race, 'random'), asked),
      shown(of(race, 'pct1'), asked),
      shown(of(race, 'pct2'), asked),
      shown(of(race, 'pct3'), asked),
      shown(of(race, 'dfs'), asked),
      `${rate(bound.rate)}; ${rate(bound.bound)}${bound.holds ? '' : ' **worse**'}`,
      stressOf(race),
      traceOf(race),
      fixedOf(race),
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [
    `Schedules to the first hit over ${asked.seeds} seeds of at most ${number(asked.most)} schedules each: median, 95th percentile; in`,
    'brackets how many seeds found it, where not all did; "-": none did. Depth first (two preemptions at most) has no seeds: the',
    `schedule that shows it, of at most ${number(asked.most * DFS_TIMES)}; "endless": it met a schedule that does not end, and cannot pass it.`,
    '"PCT" is hits per schedule at the depth of the race, and what PCT promises: 1 / (n * k^(d-1)) for n actors and k steps.',
    `"Stress" is hits per minute of real threads under load (mixed, huge and migrate, ${asked.stress_seconds} s each): the oracle,`,
    '"hung" where the machine did not move or come to rest, "assertion" where one of the core failed; and which loads.',
    '"Trace" is a find, shrunk: operations, preemptions, lines of its table. "Clean" is the same five searches on the same scenario without',
    `the race: so many schedules, and nothing found. ${machine}`,
    '',
    '| race | d | seen by | random walk | PCT d = 1 | PCT d = 2 | PCT d = 3 | depth first | PCT: hits; bound | stress | trace | clean |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

/** The same for a terminal, some lines for each race. */
export function lines(race: Measured, asked: Asked): string[] {
  const { bound, unexpected, stress } = race
  const searches = race.searches.map((one) => `${one.search} ${shown(one, asked)}`).join('; ')
  const verdict = bound.holds ? '' : `; WORSE than PCT's bound (p = ${bound.p.toFixed(3)})`
  const strange = unexpected.length === 0 ? '' : `; UNEXPECTED ${unexpected.join(' ')}`
  return [
    `${passes(race) ? 'ok    ' : 'FAILED'} ${race.id} (d = ${race.depth}): ${oraclesOf(race).join(', ') || 'not found'}`,
    `       ${searches}`,
    `       PCT ${rate(bound.rate)}, promised ${rate(bound.bound)}${verdict}; trace ${traceOf(race)}; clean in ${fixedOf(race)}${strange}`,
    ...(stress === null ? [] : [`       stress: ${stressOf(race)} hits a minute`]),
  ]
}

const [BEGIN, END] = ['<!-- measured -->', '<!-- end -->']

/** `page` with the table between its two markers; null if it has none. */
export function withTable(page: string, table: string): string | null {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  return from < 0 || to < from ? null : `${page.slice(0, from + BEGIN.length)}\n${table}\n${page.slice(to)}`
}
