/**
 * `merge`: adds up what the shards of a campaign found, from the documents that they wrote. Shards may have run anywhere and in any
 * order; what comes out is the document that one run of everything would have written, but for its times.
 *
 * Runs of a stress load are added up too, if they are of the same load. Percentiles do not add up, and are left out.
 */
import { z } from 'zod'
import { pctBound } from '../shared/sched/pct.ts'
import { HmmError } from '../shared/seam/error.ts'
import { parseFile } from './documentfile.ts'
import { document, type ExploreDocument, exploreDocument, type StressDocument, stressDocument } from './documents.ts'
import { InputError } from './scenario/error.ts'
import { version } from './version.ts'

/** What the parts come to. */
export interface Merged {
  readonly document: ExploreDocument | StressDocument
  /** Why it does not tell of everything: a sentence for each shard that is missing or did not finish. */
  readonly gaps: readonly string[]
}

interface Given<Document> {
  readonly file: string
  readonly document: Document
}

const mergeable = z.discriminatedUnion('verb', [exploreDocument, stressDocument])

/** Adds up documents, given as such or by the names of their files. Throws InputError for what cannot be added up. */
export function merge(parts: readonly (string | object)[]): Merged {
  if (parts.length === 0) throw new HmmError('HMM_ERR_USAGE', 'hmm merge takes the documents of at least one shard')
  const given = parts.map((part, i) => read(part, i + 1))
  const explored = given.filter((one): one is Given<ExploreDocument> => one.document.verb === 'explore')
  const stressed = given.filter((one): one is Given<StressDocument> => one.document.verb === 'stress')
  const [odd] = explored.length > 0 ? stressed : []
  if (odd !== undefined)
    throw new InputError(odd.file, 0, `is a result of stress, and ${explored[0]?.file} is one of explore: they do not add up`)
  return explored.length > 0 ? mergeExplored(explored) : mergeStressed(stressed)
}

function read(part: string | object, place: number): Given<ExploreDocument | StressDocument> {
  const file = typeof part === 'string' ? part : `document ${place}`
  const json = typeof part === 'string' ? parseFile(part) : part
  const { schema, version: writer } = json as { schema?: unknown; version?: unknown }
  const known = ['hmm-runtime/explore/1', 'hmm-runtime/stress/1']
  if (!known.includes(schema as string))
    throw new InputError(
      file,
      0,
      `is no result of explore or stress: its schema is ${JSON.stringify(schema)}, not ${known.join(' or ')}`,
    )
  if (writer !== version()) throw new InputError(file, 0, `was written by version ${writer}, and this is ${version()}`)
  const checked = mergeable.safeParse(json)
  if (checked.success) return { file, document: checked.data }
  const [issue] = checked.error.issues
  throw new InputError(file, 0, `${issue?.path.join('.')}: ${issue?.message}`)
}

function mergeExplored(given: readonly Given<ExploreDocument>[]): Merged {
  const [{ document: first, file: firstFile }] = given as [Given<ExploreDocument>]
  const { of } = first.shards
  const holders = new Map<number, string>()
  for (const { file, document: one } of given) {
    if (one.campaign !== first.campaign)
      throw new InputError(file, 0, `is of another campaign than ${firstFile}: scenarios, options or code differ`)
    if (one.shards.of !== of) throw new InputError(file, 0, `is one of ${one.shards.of} shards, and ${firstFile} is one of ${of}`)
    for (const part of one.shards.parts) {
      const holder = holders.get(part)
      if (holder !== undefined) throw new InputError(file, 0, `has shard ${part} of ${of}, and so has ${holder}`)
      holders.set(part, file)
    }
  }
  const parts = [...holders.keys()].sort((a, b) => a - b)
  const unfinished = given.flatMap(({ document: { shards } }) => shards.unfinished).sort((a, b) => a - b)
  const inOrder = [...given].sort((a, b) => (a.document.shards.parts[0] ?? 0) - (b.document.shards.parts[0] ?? 0))
  const scenarios = inOrder.flatMap(({ document: one }) => one.scenarios)
  const subjects = [...new Set(scenarios.map(({ subject }) => subject))].sort((a, b) => a - b)
  const ok = given.every(({ document: one }) => one.ok)
  return {
    document: document('explore', ok, {
      campaign: first.campaign,
      shards: { of, parts, unfinished },
      scenarios: subjects.map((subject) => sumOfScenarios(scenarios.filter((one) => one.subject === subject))),
    }),
    gaps: [
      ...(parts.length === of ? [] : [`missing: ${shardList(missingOf(parts, of))} of ${of}`]),
      ...unfinished.map((part) => `shard ${part} of ${of} did not finish (${holders.get(part)})`),
    ],
  }
}

type Scenario = ExploreDocument['scenarios'][number]

/** One scenario, from the shards that have part of it, in order. */
function sumOfScenarios(parts: readonly Scenario[]): Scenario {
  const [first] = parts as [Scenario]
  const sum = (of: (part: Scenario) => number) => parts.reduce((total, part) => total + of(part), 0)
  const most = (of: (part: Scenario) => number) => Math.max(...parts.map(of))
  const hit = [...parts].sort((a, b) => (a.first_hit ?? Number.POSITIVE_INFINITY) - (b.first_hit ?? Number.POSITIVE_INFINITY))[0]
  const seconds = sum((part) => part.seconds)
  const schedules = sum((part) => part.schedules)
  const max_steps = most((part) => part.max_steps)
  const { first_hit: _hit, violation: _violation, ...rest } = first
  return {
    ...rest,
    schedules,
    complete: parts.every(({ complete }) => complete),
    interrupted: parts.some(({ interrupted }) => interrupted),
    steps: sum((part) => part.steps),
    switches: sum((part) => part.switches),
    close_calls: sum((part) => part.close_calls),
    depth_reached: most((part) => part.depth_reached),
    seconds: Math.round(seconds * 1000) / 1000,
    schedules_per_second: Math.round(schedules / Math.max(seconds, 1e-3)),
    max_steps,
    ...(first.depth === undefined ? {} : { bound: pctBound(first.actors, Math.max(1, max_steps), first.depth) }),
    cut_off: sum((part) => part.cut_off),
    ...(hit?.violation === undefined ? {} : { first_hit: hit.first_hit, violation: hit.violation }),
  }
}

function missingOf(parts: readonly number[], of: number): number[] {
  const there = new Set(parts)
  return Array.from({ length: of }, (_, i) => i + 1).filter((part) => !there.has(part))
}

/** `shards 2, 5, 6 and 90 more`. */
function shardList(parts: readonly number[]): string {
  const shown = parts.slice(0, 8).join(', ')
  const more = parts.length > 8 ? ` and ${parts.length - 8} more` : ''
  return `${parts.length === 1 ? 'shard' : 'shards'} ${shown}${more}`
}

function mergeStressed(given: readonly Given<StressDocument>[]): Merged {
  const [{ document: first, file: firstFile }] = given as [Given<StressDocument>]
  const load = ({ profile, trace, era, mirror_reclaim, cpus, devices, device_memory, policy }: StressDocument) =>
    JSON.stringify({ profile, ...sameTrace(trace), era, mirror_reclaim, cpus, devices, device_memory, policy })
  const holders = new Map<string, string>()
  for (const { file, document: one } of given) {
    if (load(one) !== load(first))
      throw new InputError(file, 0, `is of another load than ${firstFile}: ${load(one)}, not ${load(first)}`)
    const text = JSON.stringify(one)
    if (holders.has(text)) throw new InputError(file, 0, `is the same run as ${holders.get(text)}`)
    holders.set(text, file)
  }
  const documents = given.map((one) => one.document)
  const sum = (of: (one: StressDocument) => number) => documents.reduce((total, one) => total + of(one), 0)
  const oracles = [...new Set(documents.flatMap(({ close_calls }) => Object.keys(close_calls)))]
  const ok = documents.every((one) => one.ok)
  // Percentiles and times of locks do not add up; samples of several runs have no time in common.
  const { aftermath: _aftermath, samples: _samples, locks: _locks, ...rest } = first
  const causes = [...new Set(documents.flatMap(({ retry_causes = {} }) => Object.keys(retry_causes)))]
  const after = documents.find(({ aftermath }) => aftermath !== undefined)?.aftermath
  return {
    document: document('stress', ok, {
      ...rest,
      ...sumOfTraces(documents.flatMap(({ trace }) => trace ?? [])),
      seconds: Math.round(sum((one) => one.seconds) * 1000) / 1000,
      operations: sum((one) => one.operations),
      faults: sum((one) => one.faults),
      retries: sum((one) => one.retries),
      retries_by_others: sum((one) => one.retries_by_others),
      longest_retry_chain: Math.max(...documents.map((one) => one.longest_retry_chain)),
      invalidations: sum((one) => one.invalidations),
      migrations: sum((one) => one.migrations),
      prefetched: sum((one) => one.prefetched),
      evictions: sum((one) => one.evictions),
      throttled: sum((one) => one.throttled),
      pinned: sum((one) => one.pinned),
      exclusives: sum((one) => one.exclusives),
      failed_copies: sum((one) => one.failed_copies),
      second_passes: sum((one) => one.second_passes),
      overlapped_passes: sum((one) => one.overlapped_passes),
      mirror_directories: sum((one) => one.mirror_directories),
      put_out: sum((one) => one.put_out),
      moved: sum((one) => one.moved),
      reaps: sum((one) => one.reaps),
      reaps_refused: sum((one) => one.reaps_refused),
      direct_reclaims: sum((one) => one.direct_reclaims),
      jobs: sum((one) => one.jobs),
      jobs_failed: sum((one) => one.jobs_failed),
      close_calls: Object.fromEntries(oracles.map((oracle) => [oracle, sum(({ close_calls }) => close_calls[oracle] ?? 0)])),
      latency: {},
      retry_causes: Object.fromEntries(causes.map((cause) => [cause, sum(({ retry_causes }) => retry_causes?.[cause] ?? 0)])),
      violations: documents.flatMap(({ violations }) => violations),
      ...(after === undefined ? {} : { aftermath: after }),
      interrupted: documents.some(({ interrupted }) => interrupted),
    }),
    gaps: given.flatMap(({ file, document: { interrupted } }) => (interrupted ? [`${file} did not finish`] : [])),
  }
}

type TraceOfStress = NonNullable<StressDocument['trace']>

/** What of a trace must be the same in all runs that are added up. */
function sameTrace(trace: TraceOfStress | undefined) {
  if (trace === undefined) return {}
  const { file, format, device_share } = trace
  return { trace: { file, format, device_share } }
}

/** Accesses add up; the pages that were touched are those of the run that came furthest. */
function sumOfTraces(traces: readonly TraceOfStress[]): { trace?: TraceOfStress } {
  const [first] = traces
  if (first === undefined) return {}
  const sum = (of: (one: TraceOfStress) => number) => traces.reduce((total, one) => total + of(one), 0)
  return {
    trace: {
      ...first,
      passes: sum(({ passes }) => passes),
      complete: traces.every(({ complete }) => complete),
      fetches: sum(({ fetches }) => fetches),
      loads: sum(({ loads }) => loads),
      stores: sum(({ stores }) => stores),
      modifies: sum(({ modifies }) => modifies),
      pages: Math.max(...traces.map(({ pages }) => pages)),
      areas: Math.max(...traces.map(({ areas }) => areas)),
      cpu_accesses: sum(({ cpu_accesses }) => cpu_accesses),
      device_accesses: sum(({ device_accesses }) => device_accesses),
      refused: sum(({ refused }) => refused),
      cpu_faults: sum(({ cpu_faults }) => cpu_faults),
    },
  }
}
