/**
 * Who makes which access of a trace: a rule without chance, so that the same trace on the same machine is always dealt in the same way.
 *
 *   a trace that names no actors   loads, stores and modifies are cut into blocks of 64, in the order of the trace. Of the blocks,
 *                                  SHARE go to devices, evenly spread; device blocks go to the engines in turn, the others to the
 *                                  cpus in turn. Instruction fetches go to the cpu that had the last block.
 *   one that names them            `cpu3`, `dev1`: to that one. `cpu`, `dev`: in blocks of 64, to each of the kind in turn.
 *
 * A machine without engines that make accesses gives everything to the cpus. Consumers are numbered cpus first, then devices.
 */
import type { TraceAccess, TraceActor } from './access.ts'

/** Accesses of one block. */
export const BLOCK = 64

/** Takes turns in blocks. */
class Turns {
  private readonly consumers: readonly number[]
  private dealt = 0

  constructor(consumers: readonly number[]) {
    this.consumers = consumers
  }

  /** The consumer of the next access. */
  next(): number {
    return this.consumers[Math.floor(this.dealt++ / BLOCK) % this.consumers.length] as number
  }

  /** The consumer of the access before that, or the first of all. */
  get last(): number {
    return this.consumers[Math.floor(Math.max(0, this.dealt - 1) / BLOCK) % this.consumers.length] as number
  }
}

/** The dealer of one run. */
export class Dealer {
  private readonly cpus: Turns
  private readonly devices: Turns
  private readonly cpuCount: number
  private readonly engines: readonly number[]
  private readonly share: number
  private data = 0

  /** `engines`: devices whose engines make accesses. `share`: part of the blocks that devices get, 0 to 1. */
  constructor(cpus: number, engines: readonly number[], share: number) {
    this.cpuCount = cpus
    this.engines = engines
    this.share = engines.length === 0 ? 0 : share
    this.cpus = new Turns(Array.from({ length: cpus }, (_, i) => i))
    this.devices = new Turns(engines.map((device) => cpus + device))
  }

  /** The consumer of the next access, or a sentence about why there is none. */
  consumer({ op, actor }: TraceAccess): number | string {
    if (actor !== undefined) return actor.index === undefined ? this.some(actor.kind) : this.certain(actor.kind, actor.index)
    if (op === 'fetch') return this.cpus.last
    const block = Math.floor(this.data++ / BLOCK)
    const toDevices = Math.floor((block + 1) * this.share) > Math.floor(block * this.share)
    return (toDevices ? this.devices : this.cpus).next()
  }

  private some(kind: TraceActor['kind']): number | string {
    if (kind === 'cpu') return this.cpus.next()
    return this.engines.length === 0 ? 'no device of this machine makes accesses of its own (--devices)' : this.devices.next()
  }

  private certain(kind: TraceActor['kind'], index: number): number | string {
    if (kind === 'cpu')
      return index < this.cpuCount ? index : `there is no cpu ${index}: the machine has ${this.cpuCount} (--cpus)`
    if (this.engines.includes(index)) return this.cpuCount + index
    return `there is no device ${index} that makes accesses of its own (--devices)`
  }
}
