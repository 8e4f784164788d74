/** What has changed between two documents of `hmm bench`, as a table and a verdict. */
import { type Change, type Comparison, HOST_LOOP } from '../bench/compare.ts'
import { duration } from './output.ts'

export function changeLines({ old_file, threshold_percent, changes, only_old, only_new, notes }: Comparison): string[] {
  const width = Math.max(6, ...changes.map(({ name }) => name.length))
  const line = (head: string, cells: readonly string[]) =>
    `${head.padEnd(width)} ${cells.map((cell, i) => (i < 3 ? cell.padStart(11) : `  ${cell}`)).join('')}`.trimEnd()
  const worse = changes.filter(({ regression }) => regression)
  return [
    ...(changes.length === 0 ? [] : [line(`since ${old_file}`, ['old', 'new', 'change'])]),
    ...changes.map((one) => line(one.name, [time(one.old_ns), time(one.new_ns), signed(one.change), sentence(one)])),
    ...only_old.map((name) => `${name} is in the older document only`),
    ...only_new.map((name) => `${name} is not in the older document`),
    ...notes.map((note) => `note: ${note}`),
    worse.length === 0
      ? `verdict: no regression beyond ${threshold_percent} %.`
      : `verdict: ${worse.length === 1 ? '1 regression' : `${worse.length} regressions`} beyond ${threshold_percent} %: ${worse.map(({ name }) => name).join(', ')}.`,
  ]
}

function sentence({ name, significant, regression, basis, change, spread, p }: Change): string {
  const by = basis === HOST_LOOP ? 'by the host loop' : basis === 'none' ? 'as measured' : `by ${basis}`
  const chance = `p ${p.toFixed(3)}, spread ${Math.round(100 * spread)} %`
  if (regression) return `slower ${by} (${chance})`
  if (significant && name.startsWith('floor/'))
    return `${change > 0 ? 'slower' : 'faster'} ${by}: a floor is the host's (${chance})`
  if (significant) return `${change > 0 ? 'slower, within the threshold,' : 'faster'} ${by} (${chance})`
  return `not significant ${by} (${chance})`
}

function signed(change: number): string {
  const percent = (100 * change).toFixed(1)
  return `${percent === '-0.0' ? '0.0' : change > 0 && percent !== '0.0' ? `+${percent}` : percent} %`
}

function time(ns: number): string {
  if (ns < 100) return `${ns.toFixed(1)} ns`
  return ns < 1000 ? `${Math.round(ns)} ns` : duration(ns)
}
