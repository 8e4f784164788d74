/**
 * A machine in a buffer: from a configuration to a laid out SharedArrayBuffer in which every record is made and no actor
 * runs yet. Runs on the booting thread; needs nothing of Node.
 *
 *   actor numbers   cpus, notifiers, engines, services, reclaimers, then one for the booting thread ("main"): it makes records
 *                   before the run and audits them after it, and takes no part in between
 */

import { LEDGER_WORDS, RENDEZVOUS_WORDS } from '../check/ledger.ts'
import { setCopyFailures } from '../device/copyqueue.ts'
import { createDevice, DEVICE_WORDS, MAX_DEVICES, NO_ENGINE } from '../device/record.ts'
import { frameRegionWords, MAX_FRAMES } from '../frame/frames.ts'
import { iommuWords } from '../frame/iommu.ts'
import { createHeap, HEAP_HEADER_WORDS, shadowWords } from '../frame/objects.ts'
import { createZeroFrame, createZone, SWAP_ZONE, SYSTEM_ZONE } from '../frame/zones.ts'
import { DEFAULT_ERA, type Era, eraNumber } from '../hmm/era.ts'
import { KEEP_MS } from '../hmm/kept.ts'
import type { MirrorReclaim } from '../hmm/mirrorreclaim.ts'
import {
  createBuffer,
  createRegions,
  MAX_BUFFER_BYTES,
  MIN_BUFFER_BYTES,
  type RegionSizes,
  regionAt,
  wordsNeeded,
} from '../memory/regions.ts'
import { lineAligned, PAGE_WORDS, WORD_BYTES, type Words } from '../memory/words.ts'
import { GATHER_WORDS } from '../mm/gather.ts'
import { registerMm } from '../mm/mm.ts'
import { TLB_WORDS } from '../mm/tlb.ts'
import { createSlot, NOTIFY_DISPATCHER, NOTIFY_INLINE, SLOT_WORDS } from '../notifier/dispatch.ts'
import { OWED_WORDS, WINDOW_WORDS, WINDOWS_PER_ACTOR } from '../notifier/windows.ts'
import { ACTOR_KIND, ACTOR_WORDS, type ActorKind, actorAt, CHANCE, INDEX, KIND, NOISE_CHANCE, ORIGIN } from '../seam/actors.ts'
import { schedulerWords } from '../seam/batonword.ts'
import { seedChance } from '../seam/chance.ts'
import { HmmError } from '../seam/error.ts'
import { LOG_WORDS } from '../seam/log.ts'
import { COUNTER_WORDS, HISTOGRAM_WORDS } from '../seam/stats.ts'
import {
  ACTOR_COUNT_AT,
  CHECKED_AT,
  CORES_AT,
  ERA_AT,
  KEEP_DIRECTORIES_MS_AT,
  NOISE_AT,
  NOTIFY_MODE_AT,
  RCU_EPOCH_AT,
  SEED_AT,
} from '../seam/superblock.ts'
import { Task } from '../seam/task.ts'
import { createTimelines, timelineWords } from '../seam/timeline.ts'
import { createTraces, DEEP_TRACE, SHALLOW_TRACE, traceWords } from '../seam/trace.ts'
import { LOCK_GRAPH_WORDS } from '../sync/held.ts'
import { LOCK_TIME_WORDS } from '../sync/locktimes.ts'
import { createFeed, feedWords } from './feed.ts'
import { STAGE_WORDS } from './stage.ts'

export interface MachineConfig {
  /** CPU actors, 1 to 16. */
  readonly cpus: number
  /** Dispatchers; 0 together with notify 'inline'. */
  readonly notifiers: number
  /** Devices, up to 8: each brings a service, and an engine unless `engines` says less. */
  readonly devices: number
  /** Devices 0 to this, exclusive, have an engine; the others are driven by their services and by ioctl alone. Default: all. */
  readonly engines?: number
  /** Actors that take memory back from processes. Default 0. */
  readonly reclaimers?: number
  /** Frames of system memory, at most; default as many as the buffer has room for. */
  readonly systemFrames?: number
  /** Frames of each device's own memory; missing or 0: it has none. */
  readonly deviceFrames?: readonly number[]
  /** Share of the copies of each device's copy engine that fail, 0 to 1. Default: none. */
  readonly deviceCopyFailures?: readonly number[]
  /** Frames that swapped pages can take. Default 0: nothing is swapped. */
  readonly swapFrames?: number
  /** Bytes of the buffer: 256 KiB to 4 GiB. */
  readonly bytes: number
  readonly notify: 'dispatcher' | 'inline'
  /** Default: sequence. */
  readonly era?: Era
  /** When empty directories of mirror page tables die. Default: immediate. */
  readonly mirrorReclaim?: MirrorReclaim
  /** Held locks, lock order, object lifetime and the oracles are checked. */
  readonly checked: boolean
  /** Probability of a noise spin at a schedule point, 0 to 1. */
  readonly noise: number
  readonly seed: number
  /** Cores the machine may count on. */
  readonly cores: number
  /** Set for a machine whose schedules are controlled: words that a foreign protocol under exploration has for its own. */
  readonly control?: { readonly words: number }
  /** It is given the accesses of a trace (feed.ts). Default: not. */
  readonly feed?: boolean
  /** Phases of fault services and times of locks are measured (seam/phases.ts, sync/locktimes.ts). Default: not. Needs `checked`. */
  readonly timed?: boolean
  /** Events with times that each actor keeps, a power of two. Default: none. */
  readonly timeline?: number
}

export const MAX_CPUS = 16
export const MAX_RECLAIMERS = 4

function enginesOf(config: MachineConfig): number {
  return config.engines ?? config.devices
}

/** Actors of a machine in the order of their numbers. */
export function actorsOf(config: MachineConfig): { kind: ActorKind; index: number }[] {
  const of = (kind: ActorKind, count: number) => Array.from({ length: count }, (_, index) => ({ kind, index }))
  return [
    ...of('cpu', config.cpus),
    ...of('notifier', config.notifiers),
    ...of('engine', enginesOf(config)),
    ...of('service', config.devices),
    ...of('reclaim', config.reclaimers ?? 0),
    ...of('main', 1),
  ]
}

/**
 * Lays a machine out, in a new buffer or anew in one that was laid out for the same configuration and whose actors have all
 * stopped. Returns the buffer and the booting thread's task. Throws HmmError for a configuration out of bounds.
 */
export function layMachine(
  config: MachineConfig,
  nowNs: () => number,
  used?: SharedArrayBuffer,
): { buffer: SharedArrayBuffer; task: Task } {
  checkConfig(config)
  const actors = actorsOf(config)
  const { sizes, frames } = planRegions(config, actors.length)
  const buffer = used ?? createBuffer(config.bytes)
  const words: Words = new Int32Array(buffer)
  // Heap objects are zeroed when they are allocated, frames when they are handed to a user: neither has to be cleared here.
  // A controlled machine is cleared to the last word: what it does must not depend on what was there before.
  if (used !== undefined) words.fill(0, 0, config.control === undefined ? regionAt(words, 'heap') : words.length)
  createRegions(words, sizes)
  writeConfiguration(words, config, actors)
  const task = new Task({ buffer, actor: actors.length - 1, nowNs })
  registerMm(task)
  createHeap(task)
  createZeroFrame(task)
  createZone(task, SYSTEM_ZONE, 1, frames - 1)
  let next = frames
  for (let i = 0; i < config.devices; i++) {
    createZone(task, i + 1, next, config.deviceFrames?.[i] ?? 0)
    next += config.deviceFrames?.[i] ?? 0
  }
  createZone(task, SWAP_ZONE, next, config.swapFrames ?? 0)
  for (let i = 0; i < config.notifiers; i++) createSlot(task, i, config.cpus + i)
  const firstEngine = config.cpus + config.notifiers
  const engines = enginesOf(config)
  for (let i = 0; i < config.devices; i++) {
    const engine = i < engines ? firstEngine + i : NO_ENGINE
    createDevice(task, i, { driver: i, engine, service: firstEngine + engines + i, zone: i + 1, ioPages: ioPagesOf(config) })
    setCopyFailures(task, i, config.deviceCopyFailures?.[i] ?? 0)
  }
  if (config.feed === true) createFeed(task, feedConsumers(actors))
  return { buffer, task }
}

function isWithin(count: number, most: number): boolean {
  return Number.isInteger(count) && count >= 0 && count <= most
}

/** Actors that are fed accesses, by number: cpus, then engines. */
function feedConsumers(actors: readonly { kind: ActorKind }[]): number[] {
  const of = (wanted: ActorKind) => actors.flatMap(({ kind }, id) => (kind === wanted ? [id] : []))
  return [...of('cpu'), ...of('engine')]
}

function checkConfig(config: MachineConfig): void {
  const problem =
    !Number.isInteger(config.cpus) || config.cpus < 1 || config.cpus > MAX_CPUS
      ? `a machine has 1 to ${MAX_CPUS} cpus, not ${config.cpus}`
      : !isWithin(config.devices, MAX_DEVICES)
        ? `a machine has 0 to ${MAX_DEVICES} devices, not ${config.devices}`
        : !isWithin(config.notifiers, 4)
          ? `a machine has 0 to 4 dispatchers, not ${config.notifiers}`
          : !isWithin(enginesOf(config), config.devices)
            ? `a machine with ${config.devices} devices has 0 to ${config.devices} engines, not ${config.engines}`
            : !isWithin(config.reclaimers ?? 0, MAX_RECLAIMERS)
              ? `a machine has 0 to ${MAX_RECLAIMERS} reclaimers, not ${config.reclaimers}`
              : !(config.noise >= 0 && config.noise <= 1)
                ? `noise is a probability from 0 to 1, not ${config.noise}`
                : config.deviceCopyFailures?.some((share) => !(share >= 0 && share <= 1)) === true
                  ? `the share of copies that fail is a number from 0 to 1, not ${config.deviceCopyFailures.join(', ')}`
                  : !Number.isInteger(config.bytes) || config.bytes < MIN_BUFFER_BYTES || config.bytes > MAX_BUFFER_BYTES
                    ? `a machine has 256 KiB to 4 GiB of memory, not ${config.bytes} bytes`
                    : null
  if (problem !== null) throw new HmmError('HMM_ERR_CONFIG', problem)
}

function writeConfiguration(words: Words, config: MachineConfig, actors: { kind: ActorKind; index: number }[]): void {
  words[ACTOR_COUNT_AT] = actors.length
  // No core is ever free in controlled mode: spinning for an actor that does not move would be for ever.
  words[CORES_AT] = config.control === undefined ? config.cores : -1
  words[CHECKED_AT] = config.checked ? 1 : 0
  words[NOISE_AT] = Math.round(config.noise * 0x10000)
  words[NOTIFY_MODE_AT] = config.notify === 'inline' || config.notifiers === 0 ? NOTIFY_INLINE : NOTIFY_DISPATCHER
  words[SEED_AT] = config.seed | 0
  words[ERA_AT] = eraNumber(config.era ?? DEFAULT_ERA)
  words[KEEP_DIRECTORIES_MS_AT] = config.mirrorReclaim === 'delayed' ? KEEP_MS : 0
  words[RCU_EPOCH_AT] = 1
  if (config.timeline !== undefined) createTimelines(words, actors.length, config.timeline)
  createTraces(words, actors.length, isLarge(config) ? DEEP_TRACE : SHALLOW_TRACE)
  actors.forEach((actor, id) => {
    const record = actorAt(words, id)
    words[record + KIND] = ACTOR_KIND[actor.kind]
    words[record + INDEX] = actor.index
    words[record + ORIGIN] = id
    seedChance(words, record + CHANCE, config.seed, id * 2)
    seedChance(words, record + NOISE_CHANCE, config.seed, id * 2 + 1)
  })
}

/** Smallest useful heap: two address spaces with mirrors. */
const MIN_HEAP_WORDS = HEAP_HEADER_WORDS + 24 * 1024
const MIN_FRAMES = 12
/** From here on there is room for a log, latency histograms and deep traces. */
const LARGE_BYTES = 1024 * 1024

function isLarge(config: MachineConfig): boolean {
  return config.bytes >= LARGE_BYTES
}

const FEW_IO_PAGES = 128
const MANY_IO_PAGES = 65536

/** A device can have every page of a machine mapped, up to a bound. */
function ioPagesOf(config: MachineConfig): number {
  return isLarge(config) ? Math.min(MANY_IO_PAGES, Math.floor(config.bytes / (PAGE_WORDS * WORD_BYTES))) : FEW_IO_PAGES
}

function planRegions(config: MachineConfig, actors: number): { sizes: RegionSizes; frames: number } {
  const total = config.bytes / WORD_BYTES
  const large = isLarge(config)
  const fixed: RegionSizes = {
    actors: actors * ACTOR_WORDS,
    windows: actors * WINDOWS_PER_ACTOR * (WINDOW_WORDS + (config.devices > 0 ? OWED_WORDS : 0)),
    slots: config.notifiers * SLOT_WORDS,
    devices: config.devices * DEVICE_WORDS,
    iommus: config.devices * iommuWords(ioPagesOf(config)),
    locks: LOCK_GRAPH_WORDS,
    scheduler: config.control === undefined ? 0 : schedulerWords(actors),
    stats: actors * COUNTER_WORDS,
    lockTimes: config.timed === true && config.checked ? actors * LOCK_TIME_WORDS : 0,
    histograms: large ? actors * HISTOGRAM_WORDS : 0,
    gathers: actors * GATHER_WORDS,
    tlbs: actors * TLB_WORDS,
    trace: actors * traceWords(large ? DEEP_TRACE : SHALLOW_TRACE),
    log: large ? LOG_WORDS : 0,
    programs:
      RENDEZVOUS_WORDS +
      actors * LEDGER_WORDS +
      (config.control === undefined ? 0 : STAGE_WORDS + lineAligned(config.control.words)),
    feed: config.feed === true ? feedWords(config.cpus + enginesOf(config)) : 0,
    timeline: config.timeline === undefined ? 0 : actors * timelineWords(config.timeline),
    shadow: 0,
    heap: 0,
    frames: frameRegionWords(0),
    bytes: 0,
  }
  const rest = total - wordsNeeded(fixed) - PAGE_WORDS
  // A quarter for kernel objects (page tables above all), the rest for frames; small machines need their tables first.
  const heap = Math.max(MIN_HEAP_WORDS, Math.floor(rest / 4))
  const frameCost = PAGE_WORDS + frameRegionWords(1) - frameRegionWords(0)
  const shadow = shadowWords(total - rest + heap + Math.floor(rest / 256))
  const others = (config.deviceFrames ?? []).reduce((sum, count) => sum + count, 0) + (config.swapFrames ?? 0)
  const room = Math.min(MAX_FRAMES, Math.floor((rest - heap - shadow) / frameCost)) - others
  const frames = Math.min(room, config.systemFrames ?? room)
  if (frames < MIN_FRAMES && room >= MIN_FRAMES)
    throw new HmmError(
      'HMM_ERR_CONFIG',
      `a machine has at least ${MIN_FRAMES} pages of system memory, not ${config.systemFrames}`,
    )
  if (frames < MIN_FRAMES) {
    const needed = wordsNeeded(fixed) + PAGE_WORDS + MIN_HEAP_WORDS + shadow + (MIN_FRAMES + others) * frameCost
    const kib = Math.ceil((needed * WORD_BYTES) / 1024)
    throw new HmmError(
      'HMM_ERR_CONFIG',
      `a machine with ${actors - 1} actors needs at least ${kib} KiB, not ${config.bytes / 1024} KiB`,
    )
  }
  const all = frames + others
  return { sizes: { ...fixed, shadow, heap, frames: frameRegionWords(all), bytes: all * PAGE_WORDS }, frames }
}
