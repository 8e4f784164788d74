/**
 * Stress: real threads under load with all oracles, for a given time, then an audit of what is left.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { closeAudit, isQuiet, runMm } from '../shared/actor/rendezvous.ts'
import { TRACE_PROFILE, WORKLOADS, type Workload, workloadNamed } from '../shared/actor/workloads/index.ts'
import { auditContract } from '../shared/check/contract.ts'
import { auditDirty } from '../shared/check/dirty.ts'
import { auditFrames, auditInventory, takeInventory } from '../shared/check/references.ts'
import { auditReverseMap } from '../shared/check/reversemap.ts'
import { checkSubset } from '../shared/check/subset.ts'
import { auditSums } from '../shared/check/sum.ts'
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import type { MirrorReclaim } from '../shared/hmm/mirrorreclaim.ts'
import { actorAt, OP } from '../shared/seam/actors.ts'
import { quietStore } from '../shared/seam/atomics.ts'
import { HmmError } from '../shared/seam/error.ts'
import { WIND_DOWN_AT } from '../shared/seam/superblock.ts'
import { describeActor } from '../shared/seam/trace.ts'
import type { Violation } from '../shared/seam/violation.ts'
import { type Aftermath, aftermath } from './aftermath.ts'
import { driverUrl, policyTakers, policyUrl } from './drivers.ts'
import { RunFailure } from './failure.ts'
import { Machine } from './machine.ts'
import { raceById } from './races/index.ts'
import {
  type Latency,
  locksOf,
  progress,
  type StressLocks,
  type StressProgress,
  type StressSample,
  sampleOf,
  totals,
} from './stressfigures.ts'
import { chromeTrace, type TimelineSummary } from './timeline/chrome.ts'
import { openTrace, TraceFeeder, type TraceOptions, type TraceResult } from './trace/feeder.ts'
import type { TraceFile } from './trace/file.ts'
import { writeWhole } from './wholefile.ts'

/** The load, the machine, and how long. */
export interface StressOptions {
  /** Workload; default `mixed`. Not with a trace. */
  readonly profile?: string
  /** The accesses of a real program instead of a workload (docs/traces.md). */
  readonly trace?: TraceOptions
  /** CPU threads, 1 to 16. Default 2. */
  readonly cpus?: number
  /** Device families or driver URLs, one per device. Default two of `svm`. */
  readonly devices?: readonly string[]
  /** Pages of each device's own memory. Default: what the workload says. */
  readonly deviceMemory?: number
  /** Share of the copies of each device's copy engine that fail, 0 to 1. Default 0. */
  readonly copyFailures?: number
  /** What the drivers go by that take a policy: a name, or the URL or path of a module (docs/svm.md). Default: their own choice. */
  readonly policy?: string
  /** Seconds under load. Default 10; of a trace, as long as it lasts. */
  readonly seconds?: number
  /** Seconds after it within which everything must have come to rest. Default 20: many times what the operations in hand need. */
  readonly restSeconds?: number
  /** Probability of a spin of up to 20 us at each schedule point. Default 1/64. */
  readonly noise?: number
  readonly notify?: 'dispatcher' | 'inline'
  /** Which protocol the drivers run on. Default `sequence`. */
  readonly era?: Era
  /** When empty directories of mirror page tables die. Default immediate. */
  readonly mirrorReclaim?: MirrorReclaim
  readonly seed?: number
  readonly bytes?: number
  readonly checked?: boolean
  /** Called about once a second. */
  readonly onProgress?: (progress: StressProgress) => void
  /** Ends the load early when aborted; the result says what there was until then. */
  readonly signal?: AbortSignal
  /** Actors that take memory back beside the load: pages are put out, moved and reaped. Default 0. */
  readonly reclaimers?: number
  /** Pages of system memory, at most: with fewer than the load needs, faults have to reclaim. Default: as many as there is room for. */
  readonly systemPages?: number
  /** A known race to put in: its driver in the place of its family, or its edit of the core. */
  readonly bug?: string
  /** Measure the phases of fault services, and how long locks are waited for and held: slower. Needs checks. Default false. */
  readonly phases?: boolean
  /** A file for what each actor did last and waited for, with times: Chrome trace-event JSON, for Perfetto (docs/timeline.md). */
  readonly traceOut?: string
}

/** What `hmm stress --json` prints, apart from the frame that every document has. */
export interface StressResult {
  /** The workload; `trace` for a trace. */
  readonly profile: string
  readonly trace?: TraceResult
  readonly era: Era
  readonly mirror_reclaim: MirrorReclaim
  readonly seed: number
  readonly seconds: number
  readonly cpus: number
  readonly devices: readonly string[]
  /** Pages of each device's own memory, and what drivers were told to go by; empty: their own choice. */
  readonly device_memory: number
  readonly policy: string
  readonly operations: number
  readonly faults: number
  readonly retries: number
  /** Retries whose invalidation came from another actor. */
  readonly retries_by_others: number
  readonly longest_retry_chain: number
  readonly invalidations: number
  /** Pages that moved to a device or home; those that moved to a device with another one; those that went home to make room. */
  readonly migrations: number
  readonly prefetched: number
  readonly evictions: number
  /** Faults on pages that are moved to and fro, which had to wait; pages that were left in system memory for it. */
  readonly throttled: number
  readonly pinned: number
  /** Pages taken from all CPUs for an atomic access. */
  readonly exclusives: number
  /** Copies that a device's copy engine failed to make. */
  readonly failed_copies: number
  /** Era two-pass: flushes that were begun in a first pass and waited for in a second; those that shared their invalidation. */
  readonly second_passes: number
  readonly overlapped_passes: number
  /** Directories of mirror page tables that were made. */
  readonly mirror_directories: number
  /** Pages that reclaim put out, and pages that it moved to another frame. */
  readonly put_out: number
  readonly moved: number
  /** Spans that the OOM reaper took, and those that it left because somebody could not answer at once. */
  readonly reaps: number
  readonly reaps_refused: number
  /** Faults that found no frame and put pages out themselves. */
  readonly direct_reclaims: number
  /** Jobs that devices which do not fault were given, and those of them that found a page missing. */
  readonly jobs: number
  readonly jobs_failed: number
  readonly close_calls: Readonly<Record<string, number>>
  readonly latency: Readonly<Record<string, Latency>>
  /** Retries by the operation whose invalidation caused them. */
  readonly retry_causes: Readonly<Record<string, number>>
  /** What was done until then, about once a second. */
  readonly samples: readonly StressSample[]
  readonly locks: StressLocks
  readonly violations: readonly Violation[]
  /** The last operations on the page of the first find, as a scenario for explore; its device 0 is `device` of the load. */
  readonly aftermath?: Aftermath
  /** What is in the file of `traceOut`. */
  readonly trace_out?: TimelineSummary & { readonly file: string }
  /** The load was ended early from outside. */
  readonly interrupted: boolean
}

const DEFAULT_NOISE = 1 / 64
/** Who goes in circles completes operations for ever, so that nothing seems to hang (watch.ts). */
const REST_S = 20
/** Room for what reclaim puts out. */
const RECLAIM_SWAP_PAGES = 1024

/** Of each actor: some tenths of a second of a busy one, half a megabyte of the machine's memory. */
const TIMELINE_EVENTS = 16384

/** A load that can be run: its name, and the trace behind it. */
interface Load {
  readonly profile: string
  readonly seconds: number
  readonly trace?: { readonly file: TraceFile; readonly options: TraceOptions }
}

/** Runs a stress load and audits it. Throws HmmError for bad options and bad traces, RunFailure when the run itself failed. */
export async function stress(options: StressOptions = {}): Promise<StressResult> {
  if (options.phases === true && options.checked === false)
    throw new HmmError('HMM_ERR_USAGE', 'phases are told by the book of held locks: measure them with checks')
  const { traceOut } = options
  if (traceOut !== undefined && !existsSync(dirname(traceOut)))
    throw new HmmError('HMM_ERR_USAGE', `${traceOut} cannot be written: there is no folder ${dirname(traceOut)}`)
  const load = await loadOf(options)
  try {
    return await onMachine(load, options)
  } finally {
    load.trace?.file.close()
  }
}

/** Boots the machine for a load, and ends it. */
async function onMachine(load: Load, options: StressOptions): Promise<StressResult> {
  const workload = workloadNamed(load.profile)
  const devices = options.devices ?? ['svm', 'svm']
  const reclaimers = options.reclaimers ?? 0
  const bug = options.bug === undefined ? null : await raceById(options.bug)
  const policy = options.policy === undefined ? undefined : policyUrl(options.policy)
  const takers = policy === undefined ? new Set<string>() : policyTakers(devices)
  const machine = await Machine.boot({
    cpus: options.cpus ?? 2,
    drivers: devices.map((name) => ({
      driver: bug?.driver?.family === name ? bug.driver.module : driverUrl(name),
      memoryPages: options.deviceMemory ?? workload?.devicePages ?? 0,
      copyFailures: options.copyFailures ?? 0,
      ...(policy !== undefined && takers.has(name) ? { policy } : {}),
    })),
    ...(bug?.edit === undefined ? {} : { edit: bug.edit }),
    noise: options.noise ?? DEFAULT_NOISE,
    notify: options.notify ?? 'dispatcher',
    era: options.era ?? DEFAULT_ERA,
    mirrorReclaim: options.mirrorReclaim ?? 'immediate',
    seed: options.seed ?? 1,
    checked: options.checked ?? true,
    reclaimers,
    ...(options.systemPages === undefined ? {} : { systemPages: options.systemPages }),
    swapPages: Math.max(workload?.swapPages ?? 0, reclaimers > 0 || options.systemPages !== undefined ? RECLAIM_SWAP_PAGES : 0),
    ...(options.bytes === undefined ? {} : { bytes: options.bytes }),
    ...(load.trace === undefined ? {} : { feed: true }),
    timed: options.phases === true,
    ...(options.traceOut === undefined ? {} : { timeline: TIMELINE_EVENTS }),
  })
  try {
    return await run(machine, load, devices, options)
  } finally {
    await machine.close()
  }
}

/** The load that is asked for. Throws HmmError for one that there is not. */
async function loadOf(options: StressOptions): Promise<Load> {
  const { trace, seconds = trace === undefined ? 10 : Number.POSITIVE_INFINITY } = options
  if (!(seconds > 0)) throw new HmmError('HMM_ERR_USAGE', `a stress run lasts longer than ${seconds} s`)
  if (trace === undefined) {
    const profile = options.profile ?? 'mixed'
    if (Object.hasOwn(WORKLOADS, profile)) return { profile, seconds }
    throw new HmmError(
      'HMM_ERR_USAGE',
      `there is no workload ${JSON.stringify(profile)}; there are: ${Object.keys(WORKLOADS).join(', ')}`,
    )
  }
  if (options.profile !== undefined)
    throw new HmmError('HMM_ERR_USAGE', `a trace takes the place of a workload: leave ${options.profile} or the trace out`)
  return { profile: TRACE_PROFILE, seconds, trace: { file: await openTrace(trace), options: trace } }
}

async function run(machine: Machine, load: Load, devices: readonly string[], options: StressOptions): Promise<StressResult> {
  const { task, config } = machine
  const { profile, seconds, trace } = load
  const { restSeconds = REST_S } = options
  const workload = workloadNamed(profile)
  const audited = config.checked ? (workload?.audited ?? []) : [] // without checks nobody keeps a ledger
  const before = takeInventory(task)
  const found: Violation[] = []
  const feeder = trace === undefined ? null : new TraceFeeder(machine, trace.file, trace.options)
  const began = performance.now()
  let ran = 0
  let reported = 0
  let interrupted = false
  const samples: StressSample[] = []
  const shape = { cpus: config.cpus, devices: config.devices, reclaimers: config.reclaimers ?? 0 }
  const feeding = feeder?.run()
  const outcome = await machine.run({ kind: 'stress', profile, shape }, () => {
    const elapsed = (performance.now() - began) / 1000
    if (elapsed - reported >= 1) {
      reported = elapsed
      const now = progress(machine, elapsed)
      samples.push(sampleOf(now))
      options.onProgress?.(now)
    }
    const done = feeder?.finishedAt ?? null
    if (ran === 0 && (done !== null || elapsed >= seconds || options.signal?.aborted === true)) {
      ran = done === null ? elapsed : (done - began) / 1000
      interrupted = done === null && elapsed < seconds
      if (feeder === null) quietStore(task, WIND_DOWN_AT, 1)
      else feeder.stop()
    } else if (ran > 0 && elapsed > ran + restSeconds && !isQuiet(task))
      throw new HmmError(
        'HMM_ERR_HUNG',
        `the load was over ${restSeconds} s ago, and not all came to rest: ${notAtRest(machine)}`,
      )
    if (isQuiet(task)) {
      found.push(
        ...checkSubset(task, config.devices),
        ...auditFrames(task, [runMm(task)]),
        ...auditReverseMap(task, [runMm(task)]),
        ...auditDirty(task, [runMm(task)], config.devices),
        ...auditContract(task, [runMm(task)]),
        ...auditSums(task, runMm(task), audited),
      )
      closeAudit(task)
    }
  })
  feeder?.stop()
  await feeding
  const traceOut = options.traceOut === undefined ? undefined : writeTimeline(machine, options.traceOut, `hmm stress ${profile}`)
  if (feeder !== null && feeder.failure !== null) throw feeder.failure
  if (outcome.error !== null) throw new RunFailure(outcome.error.code, outcome.error.message, { cause: outcome.error.cause })
  if (outcome.violations.length === 0) found.push(...auditInventory(task, before))
  const violations = [...outcome.violations, ...found]
  const [first] = violations
  const after =
    first === undefined ? null : aftermath(task, first, config.cpus, workload?.maps ?? [], settingsOf(options, workload))
  return {
    profile,
    ...(feeder === null ? {} : { trace: feeder.result() }),
    era: options.era ?? DEFAULT_ERA,
    mirror_reclaim: options.mirrorReclaim ?? 'immediate',
    seed: config.seed,
    seconds: Math.round((ran === 0 ? (performance.now() - began) / 1000 : ran) * 1000) / 1000,
    cpus: config.cpus,
    devices,
    device_memory: options.deviceMemory ?? workload?.devicePages ?? 0,
    policy: options.policy ?? '',
    ...totals(machine),
    samples,
    locks: locksOf(machine),
    violations,
    ...(after === null ? {} : { aftermath: after }),
    ...(traceOut === undefined ? {} : { trace_out: traceOut }),
    interrupted,
  }
}

/** The machine has stopped, however its run ended: what led there is worth most when it failed. */
function writeTimeline(machine: Machine, file: string, title: string): StressResult['trace_out'] {
  const { text, summary } = chromeTrace(machine.task.words, machine.actorNames, title)
  writeWhole(file, text)
  return { file, ...summary }
}

/** Who is still at something, and at what. */
function notAtRest({ task, actorNames }: Machine): string {
  const busy = actorNames.flatMap((_, id) => {
    const record = actorAt(task.words, id)
    return task.words[record + OP] === 0 ? [] : [describeActor(task.words, id)]
  })
  return busy.join('; ') || 'all are between two operations'
}

/** What a scenario says behind a device for it to be as in this load. */
function settingsOf({ deviceMemory, policy, copyFailures }: StressOptions, workload: Workload | undefined): string {
  const memory = deviceMemory ?? workload?.devicePages ?? 0
  const settings = [
    memory > 0 ? ` memory=${memory}` : '',
    policy === undefined ? '' : ` policy=${policyUrl(policy)}`,
    copyFailures === undefined || copyFailures === 0 ? '' : ` copy-failures=${copyFailures}`,
  ]
  return settings.join('')
}
