/** `hmm stress`: real threads under load with all oracles. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WORKLOADS } from '../../shared/actor/workloads/index.ts'
import { DEFAULT_ERA, type Era } from '../../shared/hmm/era.ts'
import type { MirrorReclaim } from '../../shared/hmm/mirrorreclaim.ts'
import { HmmError } from '../../shared/seam/error.ts'
import { ORACLES, type Oracle } from '../../shared/seam/violation.ts'
import type { Aftermath } from '../aftermath.ts'
import { document, type StressDocument } from '../documents.ts'
import { parseDevices } from '../drivers.ts'
import { type StressResult, stress } from '../stress.ts'
import type { TraceOptions } from '../trace/feeder.ts'
import { duration, EXIT, grouped, interruptSignal, mustBeFolder, Output } from './output.ts'

export interface StressFlags {
  readonly json?: string
  readonly seed: number
  readonly notify: 'dispatcher' | 'inline'
  readonly era?: Era
  readonly mirrorReclaim: MirrorReclaim
  readonly cpus: number
  readonly devices: string
  readonly deviceMemory?: number
  readonly policy?: string
  readonly copyFailures: number
  readonly duration?: number
  readonly trace?: string
  readonly traceDevice?: number
  readonly traceRepeat?: number
  readonly noise: number
  readonly memory: number
  readonly checks: boolean
  readonly reclaim: number
  readonly systemPages?: number
  readonly bug?: string
  readonly out: string
  readonly phases?: boolean
  readonly traceOut?: string
}

export async function stressVerb(profile: string | undefined, flags: StressFlags): Promise<number> {
  const output = new Output(flags.json)
  mustBeFolder('--out', flags.out)
  const trace = traceOf(flags)
  const result = await stress({
    ...(profile === undefined ? {} : { profile }),
    ...(trace === undefined ? {} : { trace }),
    cpus: flags.cpus,
    devices: parseDevices(flags.devices),
    ...(flags.deviceMemory === undefined ? {} : { deviceMemory: flags.deviceMemory }),
    ...(flags.policy === undefined ? {} : { policy: flags.policy }),
    copyFailures: flags.copyFailures,
    ...(flags.duration === undefined ? {} : { seconds: flags.duration }),
    noise: flags.noise,
    notify: flags.notify,
    ...(flags.era === undefined ? {} : { era: flags.era }),
    mirrorReclaim: flags.mirrorReclaim,
    seed: flags.seed,
    bytes: flags.memory,
    checked: flags.checks,
    reclaimers: flags.reclaim,
    ...(flags.systemPages === undefined ? {} : { systemPages: flags.systemPages }),
    ...(flags.bug === undefined ? {} : { bug: flags.bug }),
    phases: flags.phases === true,
    ...(flags.traceOut === undefined ? {} : { traceOut: flags.traceOut }),
    signal: interruptSignal(),
    onProgress: (p) =>
      output.progress(
        `${p.seconds.toFixed(0).padStart(4)} s  ${grouped(p.operations)} operations  ${grouped(p.faults)} device faults  ${grouped(p.retries)} retries  ${grouped(p.invalidations)} invalidations`,
      ),
  })
  for (const line of stressLines(result)) output.say(line)
  if (result.aftermath !== undefined) for (const line of takeUp(result, result.aftermath, flags)) output.say(line)
  if (result.trace_out !== undefined) output.say(timelineLine(result.trace_out))
  const ok = result.violations.length === 0
  output.write(document('stress', ok, result))
  if (!ok) return EXIT.finding
  return result.interrupted ? EXIT.failure : EXIT.clean
}

function timelineLine({ file, events, arrows, dropped }: NonNullable<StressResult['trace_out']>): string {
  const lost = Object.values(dropped).reduce((sum, n) => sum + n, 0)
  const older = lost === 0 ? '' : `; the last of each actor, ${grouped(lost)} older ones were dropped`
  return `timeline: ${file}: ${grouped(events)} events, ${grouped(arrows)} arrows${older}. Open it in ui.perfetto.dev`
}

/** The trace that is asked for. Throws HmmError for its options without it. */
function traceOf({ trace, traceDevice, traceRepeat }: StressFlags): TraceOptions | undefined {
  const options = {
    ...(traceDevice === undefined ? {} : { deviceShare: traceDevice }),
    ...(traceRepeat === undefined ? {} : { repeat: traceRepeat }),
  }
  if (trace !== undefined) return { file: trace, ...options }
  if (Object.keys(options).length > 0)
    throw new HmmError('HMM_ERR_USAGE', '--trace-device and --trace-repeat say how a trace is run: name one with --trace')
  return undefined
}

/** Writes the scenario of a find, and says how it is explored. */
function takeUp(result: StressResult, { scenario, device }: Aftermath, flags: StressFlags): string[] {
  const file = join(flags.out, `stress-${result.violations[0]?.oracle.toLowerCase()}-${result.seed}.scn`)
  writeFileSync(file, scenario)
  const driver = result.devices[device] ?? 'svm'
  const asked = flags.bug !== undefined ? ` --bug ${flags.bug}` : driver === 'svm' ? '' : ` --driver svm=${driver}`
  return [`next: hmm explore ${file}${asked} --schedules 20000`]
}

/** A result, of one run or added up. */
type ShownStress = Omit<
  StressResult,
  'trace' | 'trace_out' | 'samples' | 'locks' | 'retry_causes' | 'era' | 'mirror_reclaim' | 'violations' | 'aftermath'
> & {
  readonly trace?: StressDocument['trace']
  readonly era: string
  readonly mirror_reclaim: string
  readonly violations: readonly ShownViolation[]
}
type ShownViolation = Pick<StressDocument['violations'][number], 'oracle' | 'message'>

/** The result as people read it. */
export function stressLines(result: ShownStress): string[] {
  const perSecond = (n: number) => grouped(n / result.seconds)
  const share = (n: number) => (result.faults === 0 ? '0' : ((100 * n) / result.faults).toFixed(1))
  return [
    `stress ${result.profile}${result.era === DEFAULT_ERA ? '' : ` (era ${result.era})`}: ${result.cpus} cpus, ${result.devices.length} devices (${listed(result.devices)}), ${result.seconds.toFixed(1)} s, seed ${result.seed}`,
    ...(result.trace === undefined ? [] : traceLines(result.trace)),
    `  operations      ${grouped(result.operations)} (${perSecond(result.operations)}/s)`,
    `  device faults   ${grouped(result.faults)} (${perSecond(result.faults)}/s)`,
    `  retries         ${grouped(result.retries)}: ${share(result.retries)} per 100 faults, ${share(result.retries_by_others)} caused by another actor; longest chain ${result.longest_retry_chain}`,
    ...(result.device_memory === 0 ? [] : [memoryLine(result, share)]),
    ...(result.profile === 'churn' || result.mirror_reclaim === 'delayed' ? [directoriesLine(result)] : []),
    `  invalidations   ${grouped(result.invalidations)} (${perSecond(result.invalidations)}/s)`,
    ...(result.second_passes === 0
      ? []
      : [
          `  second passes   ${grouped(result.second_passes)}: flushes waited for, ${grouped(result.overlapped_passes)} of them while another device flushed`,
        ]),
    ...(result.jobs === 0 ? [] : [`  jobs            ${grouped(result.jobs)}, ${grouped(result.jobs_failed)} failed`]),
    ...(result.put_out + result.moved + result.reaps + result.direct_reclaims === 0 ? [] : [reclaimLine(result)]),
    ...Object.entries(result.latency).map(
      ([name, l]) =>
        `  ${name.padEnd(15)} p50 ${duration(l.p50_ns)}, p90 ${duration(l.p90_ns)}, p99 ${duration(l.p99_ns)}, max ${duration(l.max_ns)}`,
    ),
    `  close calls     ${grouped(Object.values(result.close_calls).reduce((a, b) => a + b, 0))}: a stale entry was kept out by a retry, or a flush waited for an access in flight`,
    ...verdictLines(result),
  ]
}

function traceLines(trace: NonNullable<StressDocument['trace']>): string[] {
  const { fetches, loads, stores, modifies, passes } = trace
  const counted = (n: number, thing: string) => `${grouped(n)} ${thing}${n === 1 ? '' : 's'}`
  const end = trace.complete ? `, to its end${passes > 1 ? `, ${passes} times` : ''}` : ', not to its end'
  return [
    `  trace           ${trace.file} (${trace.format}): ${grouped(fetches + loads + stores + modifies)} accesses to ${counted(trace.pages, 'page')} in ${counted(trace.areas, 'area')}${end}`,
    `  accesses        ${grouped(fetches)} fetches, ${grouped(loads)} loads, ${grouped(stores)} stores, ${grouped(modifies)} modifies`,
    `  made by         cpus ${grouped(trace.cpu_accesses)} (${counted(trace.cpu_faults, 'page fault')}), devices ${grouped(trace.device_accesses)}`,
    ...(trace.refused === 0
      ? []
      : [`  refused         ${grouped(trace.refused)}: the machine's memory was out; give it more with --memory`]),
  ]
}

/** What went on between system memory and the devices'. */
function memoryLine(result: ShownStress, share: (n: number) => string): string {
  const { migrations, prefetched, evictions, throttled, pinned, exclusives, failed_copies, policy, device_memory } = result
  const rest = `${grouped(prefetched)} prefetched, ${grouped(evictions)} evicted, ${grouped(throttled)} throttled, ${grouped(pinned)} pinned, ${grouped(exclusives)} exclusive, ${grouped(failed_copies)} copies failed`
  const by = policy === '' ? '' : `policy ${policy}, `
  return `  migrations      ${grouped(migrations)}: ${share(migrations)} per 100 faults; ${rest} (${by}${grouped(device_memory)} pages on each device)`
}

/** What a load that empties directories of mirror page tables is about. */
function directoriesLine({ mirror_directories, mirror_reclaim }: ShownStress): string {
  return `  directories     ${grouped(mirror_directories)} of mirror page tables made (mirror-reclaim ${mirror_reclaim})`
}

function reclaimLine(result: ShownStress): string {
  const { put_out, moved, reaps, reaps_refused, direct_reclaims } = result
  return `  reclaim         ${grouped(put_out)} pages put out, ${grouped(moved)} moved; ${grouped(reaps)} spans reaped, ${grouped(reaps_refused)} refused; ${grouped(direct_reclaims)} faults reclaimed themselves`
}

/** `svm*4, mirror`: as --devices takes them. */
function listed(devices: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const device of devices) counts.set(device, (counts.get(device) ?? 0) + 1)
  return [...counts].map(([device, count]) => (count === 1 ? device : `${device}*${count}`)).join(', ')
}

function verdictLines(result: ShownStress): string[] {
  const cut = result.interrupted ? ', ended early' : ''
  if (result.violations.length === 0)
    return [`verdict: clean${cut}. No device and no CPU ever used a stale page; nothing was lost; everything was returned.`]
  const shown = result.violations.slice(0, 8)
  const more = result.violations.length - shown.length
  return [
    `verdict: ${result.violations.length} violation${result.violations.length === 1 ? '' : 's'}${cut}.`,
    ...shown.map(violationLine),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
}

export function violationLine(violation: ShownViolation): string {
  return `  ${violation.oracle} (${ORACLES[violation.oracle as Oracle]}): ${violation.message}`
}

/** The workloads, for the help text. */
export function workloadHelp(): string {
  return Object.entries(WORKLOADS)
    .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
    .join('\n')
}
