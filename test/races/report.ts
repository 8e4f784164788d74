/** What was measured of the known races, as a table for people and as the table of docs/races.md. */
import type { Asked, Measured, SearchResult } from './measure.ts'

const number = (value: number) => value.toLocaleString('en-US')
const rate = (value: number) => (value === 0 ? '0' : `1 in ${number(Math.round(1 / value))}`)

/** "34, 90", or how many seeds found it where not all did. */
function shown(one: SearchResult, { most }: Asked): string {
  const within = number(most)
  if (one.strategy === 'dfs') return one.found === 1 ? number(one.median as number) : 'not found'
  const at = (value: number | null) => (value === null ? `over ${within}` : number(value))
  const missed = one.found === one.seeds ? '' : ` (found in ${one.found} of ${one.seeds} seeds)`
  return one.found === 0 ? `not found in ${one.seeds} times ${within}` : `${at(one.median)}, ${at(one.p95)}${missed}`
}

function ofStrategy(race: Measured, strategy: SearchResult['strategy']): SearchResult {
  return race.searches.find((one) => one.strategy === strategy) as SearchResult
}

function fixedOf(race: Measured): string {
  return race.searches
    .map(({ strategy, fixed }) => {
      const name = strategy === 'pct' ? 'PCT' : strategy === 'dfs' ? 'depth first' : 'random'
      const whole = fixed.complete ? `all ${number(fixed.schedules)}` : number(fixed.schedules)
      return fixed.violation === null ? `${name} ${whole}` : `${name}: NOT CLEAN (${fixed.violation})`
    })
    .join(', ')
}

/** The table of docs/races.md, with the sentences that say how to read it. */
export function markdown(races: readonly Measured[], asked: Asked): string {
  const rows = races.map((race) => {
    const oracles = [...new Set(race.searches.flatMap((one) => one.oracles))].join(', ')
    const { bound } = race
    const verdict = bound.holds ? '' : ' **worse**'
    const cells = [
      race.id,
      String(race.depth),
      oracles,
      shown(ofStrategy(race, 'random'), asked),
      shown(ofStrategy(race, 'pct'), asked),
      rate(bound.rate),
      `${rate(bound.bound)} (n = ${bound.actors}, k = ${number(bound.steps)})${verdict}`,
      fixedOf(race),
    ]
    return `| ${cells.join(' | ')} |`
  })
  const dfs = races.flatMap((race) => race.searches.filter(({ strategy }) => strategy === 'dfs').map((one) => ({ race, one })))
  const head = [
    `Schedules to the first hit over ${asked.seeds} seeds of at most ${number(asked.most)} schedules each: median, 95th percentile.`,
    '"Hits" are hits per schedule of PCT over all its seeds; "bound" is the 1 / (n * k^(d-1)) that PCT promises, for n actors and k',
    'steps. "Clean" is the same search on the same scenario without the race: so many schedules, and nothing found.',
    '',
    '| race | d | seen by | random walk | PCT | PCT: hits | PCT: bound | without it clean in |',
    '|---|---|---|---|---|---|---|---|',
  ]
  const foot = dfs.map(
    ({ race, one }) =>
      `\nDepth first, which is how \`--bug ${race.id}\` looks for it, finds ${race.id} in schedule ${shown(one, asked)}, every time.`,
  )
  return [...head, ...rows, ...foot].join('\n')
}

/** The same for a terminal, one line for each race. */
export function line(race: Measured, asked: Asked): string {
  const { bound } = race
  const verdict = `${bound.holds ? 'not worse' : 'WORSE'} than the bound: ${rate(bound.rate)}, ${rate(bound.bound)} (p = ${bound.p.toFixed(3)})`
  const searches = race.searches.map((one) => `${one.strategy} ${shown(one, asked)} [${one.oracles.join(' ')}]`)
  const strange = race.unexpected.length === 0 ? [] : [`UNEXPECTED ${race.unexpected.join(' ')}`]
  return [`${race.id} (d = ${race.depth})`, ...searches, verdict, `fixed: clean in ${fixedOf(race)}`, ...strange].join('\n    ')
}
