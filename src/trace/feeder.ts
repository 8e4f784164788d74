/**
 * The feeder: the booting thread's part of a run with a trace. It reads the file, gives each access its place and its actor, and puts
 * batches into the rings of the feed. When a ring is full, or cpu 0 has to map something first, it looks again a moment later: the
 * event loop is never blocked. Nothing is read faster than it is used, so memory does not grow with the file.
 *
 *   reading --last batch done--> finished        reading --bad line--> failed, the machine is halted
 *   reading --stop()--> stopped
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import {
  askForStretch,
  Batch,
  endFeed,
  FEED_OP,
  feedIsDrained,
  feedingEngines,
  feedRing,
  STRETCH_PAGES,
  stretchIsPending,
} from '../../shared/actor/feed.ts'
import { TRACE_SLOTS } from '../../shared/actor/workloads/trace.ts'
import { WORD_BYTES } from '../../shared/memory/words.ts'
import { HmmError } from '../../shared/seam/error.ts'
import { HaltSignal, haltMachine, haltState } from '../../shared/seam/halt.ts'
import { readStat, type StatName } from '../../shared/seam/stats.ts'
import type { Task } from '../../shared/seam/task.ts'
import type { Machine } from '../machine.ts'
import { InputError } from '../scenario/error.ts'
import { TRACE_PAGE_BYTES, type TraceOp } from './access.ts'
import { Dealer } from './deal.ts'
import { TraceFile, type TraceFormat, type TraceLine } from './file.ts'
import { AddressFold, NO_PLACE } from './fold.ts'

/** How a trace is run. */
export interface TraceOptions {
  /** Name of the file. */
  readonly file: string
  /** Part of the blocks of accesses that devices get, 0 to 1; a trace that names actors says it itself. Default 0.5. */
  readonly deviceShare?: number
  /** How often the trace is run through. Default 1. */
  readonly repeat?: number
}

/** What became of the trace, as `--json` has it. */
export interface TraceResult {
  readonly file: string
  readonly format: TraceFormat
  /** Not where the trace names actors. */
  readonly device_share?: number
  /** Times that it was run through to its end, and whether that is as often as was asked for. */
  readonly passes: number
  readonly complete: boolean
  /** Accesses dealt out, one for each page that they touch. */
  readonly fetches: number
  readonly loads: number
  readonly stores: number
  readonly modifies: number
  /** Distinct pages of them, and the areas that were mapped for them. */
  readonly pages: number
  readonly areas: number
  /** Accesses made by cpus and by devices, and those that were refused because memory was out. */
  readonly cpu_accesses: number
  readonly device_accesses: number
  readonly refused: number
  /** Page faults of cpus. Those of devices are `faults` of the run. */
  readonly cpu_faults: number
}

export const DEFAULT_SHARE = 0.5

const OPS: Readonly<Record<TraceOp, number>> = {
  fetch: FEED_OP.load,
  load: FEED_OP.load,
  store: FEED_OP.store,
  modify: FEED_OP.modify,
}
/**
 * The first access to a page gives it its content. What the traced program reads before it wrote it comes from a file or from the
 * kernel; private memory that is only read would be the one page of zeros, take no memory and never be moved.
 */
const FIRST_OPS: Readonly<Record<TraceOp, number>> = { ...OPS, fetch: FEED_OP.store, load: FEED_OP.store }
/** After so many accesses batches are sent that are not full: an actor with few of them is not left behind. */
const FLUSH_EVERY = 4096
/** How the feeder waits: some looks, one in each turn of the event loop, then one each LOOK_MS. A ring holds work for longer. */
const QUICK_LOOKS = 16
const LOOK_MS = 1

/**
 * Opens the trace and looks at the options, before a machine is booted. Throws HmmError for what cannot be run. Close the file.
 */
export async function openTrace({ file, deviceShare, repeat = 1 }: TraceOptions): Promise<TraceFile> {
  const refuse = (problem: string): never => {
    throw new HmmError('HMM_ERR_USAGE', problem)
  }
  if (deviceShare !== undefined && !(deviceShare >= 0 && deviceShare <= 1))
    refuse(`the devices' share of a trace is a number from 0 to 1, not ${deviceShare}`)
  if (!Number.isInteger(repeat) || repeat < 1) refuse(`a trace is run through a whole number of times, not ${repeat}`)
  const trace = await TraceFile.open(file)
  const problem =
    trace.namesActors && deviceShare !== undefined
      ? "the trace says who makes each access: the devices' share cannot be chosen as well"
      : !trace.again && repeat > 1
        ? 'a pipe can be read only once, so the trace cannot be repeated'
        : null
  if (problem === null) return trace
  trace.close()
  throw new InputError(file, 0, problem)
}

/** Ends the reading from inside: the run is over, for whatever reason. */
class Stopped extends Error {}

export class TraceFeeder {
  /** Why the run was ended from here: what is wrong with the trace, as a rule. */
  failure: Error | null = null
  /** When the last access was done, by performance.now(); null before. */
  finishedAt: number | null = null

  private readonly machine: Machine
  private readonly task: Task
  private readonly trace: TraceFile
  private readonly options: TraceOptions
  private readonly fold = new AddressFold()
  private readonly batches: readonly Batch[]
  private readonly dealt: Record<TraceOp, number> = { fetch: 0, load: 0, store: 0, modify: 0 }
  private sinceFlush = 0
  private passes = 0
  private stopped = false

  /** For one run of `machine`, which has a feed. */
  constructor(machine: Machine, trace: TraceFile, options: TraceOptions) {
    this.machine = machine
    this.trace = trace
    this.task = machine.task
    this.options = options
    const { cpus, devices } = machine.config
    this.batches = Array.from({ length: cpus + devices }, () => new Batch())
  }

  /** Feeds the trace to the machine, beside machine.run(). Resolves when all accesses are done or the run is over. Never rejects. */
  async run(): Promise<void> {
    try {
      const dealer = await this.makeDealer()
      for (; this.passes < (this.options.repeat ?? 1); this.passes++) {
        for await (const lines of this.trace.pass()) {
          for (const line of lines) await this.deal(dealer, line)
          await turn()
        }
      }
      await this.flush()
      await this.until(() => feedIsDrained(this.task, this.batches.length))
      this.finishedAt = performance.now()
    } catch (error) {
      this.end(error)
    }
  }

  /** Ends the reading and the load: what was dealt out and is not begun is left. */
  stop(): void {
    this.stopped = true
    this.trace.close()
    endFeed(this.task, this.machine.actorNames.length)
  }

  /** What became of the trace. When the machine has stopped. */
  result(): TraceResult {
    const { file, deviceShare = DEFAULT_SHARE } = this.options
    const stat = (name: StatName) => readStat(this.task.words, this.machine.actorNames.length, name)
    return {
      file,
      format: this.trace.format,
      ...(this.trace.namesActors ? {} : { device_share: deviceShare }),
      passes: this.passes,
      complete: this.finishedAt !== null,
      fetches: this.dealt.fetch,
      loads: this.dealt.load,
      stores: this.dealt.store,
      modifies: this.dealt.modify,
      pages: this.fold.pages,
      areas: this.fold.areas,
      cpu_accesses: stat('cpuAccesses'),
      device_accesses: stat('deviceAccesses'),
      refused: stat('refusedAccesses'),
      cpu_faults: stat('cpuFaults'),
    }
  }

  /** Which engines make accesses is known once cpu 0 has opened the devices. */
  private async makeDealer(): Promise<Dealer> {
    const { cpus, devices } = this.machine.config
    await this.until(() => feedingEngines(this.task, devices) !== null)
    const engines = feedingEngines(this.task, devices) ?? []
    const { deviceShare } = this.options
    if (engines.length === 0 && deviceShare !== undefined && deviceShare > 0)
      throw new HmmError(
        'HMM_ERR_USAGE',
        `no device makes accesses of its own, so none can have a share of ${deviceShare} of the trace`,
      )
    return new Dealer(cpus, engines, deviceShare ?? DEFAULT_SHARE)
  }

  /** Puts one access into the batch of its actor, once for each page that it touches. */
  private async deal(dealer: Dealer, { line, access }: TraceLine): Promise<void> {
    const consumer = dealer.consumer(access)
    if (typeof consumer === 'string') throw new InputError(this.options.file, line, consumer)
    const batch = this.batches[consumer] as Batch
    const { page, offset, size, op } = access
    const last = page + (offset + size > TRACE_PAGE_BYTES ? 1 : 0)
    for (let one = page; one <= last; one++) {
      const vpn = this.fold.place(one)
      if (vpn === NO_PLACE)
        throw new InputError(this.options.file, line, `the trace reaches into more than ${TRACE_SLOTS} slots of 256 MiB`)
      const fresh = this.fold.touch(vpn)
      if (fresh && this.fold.needsMapping(vpn)) await this.map(vpn - (vpn % STRETCH_PAGES))
      batch.add(vpn, one === page ? Math.floor(offset / WORD_BYTES) : 0, fresh ? FIRST_OPS[op] : OPS[op])
      this.dealt[op]++
      if (batch.full) await this.give(consumer)
      if (++this.sinceFlush === FLUSH_EVERY) await this.flush()
    }
  }

  private async map(vpn: number): Promise<void> {
    askForStretch(this.task, vpn)
    await this.until(() => !stretchIsPending(this.task))
  }

  private async give(consumer: number): Promise<void> {
    await this.until(() => (this.batches[consumer] as Batch).give(this.task, feedRing(this.task, consumer)))
  }

  /** Sends every batch that has something in it. */
  private async flush(): Promise<void> {
    this.sinceFlush = 0
    for (const [consumer, batch] of this.batches.entries()) if (batch.count > 0) await this.give(consumer)
  }

  /** Waits for `done`, without blocking. Throws Stopped when the run is over. */
  private async until(done: () => boolean): Promise<void> {
    for (let looks = 0; !done(); looks++) {
      if (this.stopped || haltState(this.task.words) !== null) throw new Stopped()
      await (looks < QUICK_LOOKS ? turn() : sleep(LOOK_MS))
    }
  }

  private end(error: unknown): void {
    if (error instanceof Stopped || this.stopped) return
    if (error instanceof HaltSignal) {
      this.task.halting = false // the outcome of the run says why it was halted
      return
    }
    this.failure = error instanceof Error ? error : new Error(String(error))
    haltMachine(this.task.words, 'interrupted', -1)
  }
}
