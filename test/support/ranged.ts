/**
 * A range of 2019 on one thread: an address space, a device that mirrors it, a range with the layout of the worked examples (VALID is
 * bit 63, WRITE bit 62, frames from bit 12 on), and what the calls answer.
 *
 *     const r = ranged()
 *     area(r.task, r.mm, A, 3, RW)
 *     r.register(A, 3)
 *     r.fault({ flags: V })                 // { result: 3, held: true }
 *     r.see()                               // ['V', '-', 'VW'], each with the frame that the CPU has there
 *     r.end()                               // [] when everything was returned
 */

import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import type { Driver } from '../../shared/device/contract.ts'
import type { PfnFormat } from '../../shared/hmm/encoding.ts'
import {
  hmmRangeFault,
  hmmRangeRegister,
  hmmRangeSnapshot,
  hmmRangeUnregister,
  hmmRangeValid,
  hmmRangeWaitUntilValid,
} from '../../shared/hmm/hmmrange.ts'
import { type Mirror, mirrorLock, mirrorUnlock } from '../../shared/hmm/mirror.ts'
import { hmmPfnToPage, rangePfns } from '../../shared/hmm/pfn.ts'
import {
  createRange,
  freeRange,
  type Range,
  rangeFirst,
  rangePageShift,
  rangePages,
  rangeRequest,
} from '../../shared/hmm/range.ts'
import { RANGE_STATE, rangeState } from '../../shared/hmm/rangestate.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { pteFrame } from '../../shared/mm/pte.ts'
import { findVma, vmaSetFlags } from '../../shared/mm/vma.ts'
import { classicRelease } from '../../shared/notifier/classic.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import { type Mm, mmapSem } from '../../shared/notifier/mmhead.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { isHeld } from '../../shared/sync/held.ts'
import { downRead, downWrite, upRead, upWrite } from '../../shared/sync/rwsem.ts'
import { newSpace } from './addressspace.ts'
import { recordingDriver } from './mirrored.ts'
import { type SoloOptions, solo } from './solo.ts'

export const V = 1n << 63n
export const W = 1n << 62n
export const P = 1n << 61n
export const ALL = (1n << 64n) - 1n
export const FORMAT: PfnFormat = { valid: V, write: W, devicePrivate: P, none: 0n, error: 2n, special: 4n, pfnShift: 12 }

/** What a fill answered, and whether mmap_sem is held after it. */
export interface Filled {
  readonly result: number
  readonly held: boolean
}

export interface Request {
  readonly flags?: bigint
  readonly mask?: bigint
  /** Per-page requests; missing: what is in the array stays. */
  readonly pfns?: readonly bigint[]
  readonly block?: boolean
}

export class Ranged {
  readonly task: Task
  readonly mm: Mm
  readonly mirror: Mirror
  readonly range: Range
  /** What the driver was told since it was asked last. */
  readonly told: string[] = []
  /** What the driver answers to an invalidation that may not block. */
  willing = true
  /** Another actor's, on the same thread. */
  readonly second: Task
  /** And one more. */
  readonly third: Task
  private readonly leftovers: () => string[]

  constructor(options: SoloOptions = {}, driver?: Driver) {
    const recorder = recordingDriver((text) => this.told.push(text) > 0 && this.willing)
    const machine = solo({ era: 'range-valid', cpus: 3, drivers: [driver ?? recorder], ...options })
    this.task = machine.task
    this.second = machine.other(1)
    this.third = machine.other(2)
    this.leftovers = machine.leftovers
    this.mm = newSpace(this.task)
    const mirror = attachDevice(this.task, 0, this.mm)
    assert(mirror > 0, 'the device is opened')
    this.mirror = mirror as Mirror
    this.range = createRange(this.task, 64, FORMAT)
  }

  register(start: number, pages: number, shift?: number): number {
    return hmmRangeRegister(this.task, this.range, this.mirror, start, start + pages, shift)
  }

  unregister(): void {
    hmmRangeUnregister(this.task, this.range)
  }

  /** Waits no time at all, unless told. */
  wait(ms = 0): boolean {
    return hmmRangeWaitUntilValid(this.task, this.range, ms)
  }

  fault(request: Request = {}): Filled {
    const { flags = 0n, mask = 0n, pfns, block = true } = request
    rangeRequest(this.task, this.range, flags, mask)
    for (const [i, pfn] of pfns?.entries() ?? []) this.array()[i] = pfn
    return this.locked(() => hmmRangeFault(this.task, this.range, block))
  }

  snapshot(): Filled {
    return this.locked(() => hmmRangeSnapshot(this.task, this.range))
  }

  /** May the entries be used? Asked as a driver asks. */
  valid(): boolean {
    mirrorLock(this.task, this.mirror)
    const valid = hmmRangeValid(this.task, this.range)
    mirrorUnlock(this.task, this.mirror)
    return valid
  }

  /** The state's name. */
  state(): string {
    const state = rangeState(this.task, this.range)
    return Object.entries(RANGE_STATE).find(([, value]) => value === state)?.[0] as string
  }

  pfns(): BigUint64Array {
    return this.array().subarray(0, rangePages(this.task, this.range))
  }

  /** The whole array, also of a range that is not registered. */
  array(): BigUint64Array {
    return rangePfns(this.task, this.range)
  }

  /** Entries: V, W and P as they are set, `-` for NONE, E, S; with `!` if the frame is not the CPU's. */
  see(): string[] {
    return [...this.pfns()].map((pfn, i) => {
      if (pfn === FORMAT.none) return '-'
      if (pfn === FORMAT.error) return 'E'
      if (pfn === FORMAT.special) return 'S'
      const low = Number(BigInt.asIntN(32, pfn))
      const frame = hmmPfnToPage(this.task, this.range, low, Number(BigInt.asIntN(32, pfn >> 32n)))
      const vpn = rangeFirst(this.task, this.range) + i * 2 ** (rangePageShift(this.task, this.range) - 12)
      const there = pteFrame(cpuEntry(this.task, this.mm, vpn))
      const flags = [V, W, P].map((bit, at) => ((pfn & bit) !== 0n ? 'VWP'[at] : '')).join('')
      return frame === there ? flags : `${flags}!`
    })
  }

  /** A start by another actor; the function it returns is its end. */
  start(first: number, last = first): () => void {
    const range = rangeInit(this.second, this.mm, first, last, NOTIFY.clear)
    invalidateRangeStart(this.second, range)
    return () => invalidateRangeEnd(this.second, range)
  }

  /** Gives the area of page `vpn` other flags. */
  setFlags(vpn: number, flags: number): void {
    downWrite(this.task, mmapSem(this.mm), MMAP_SEM)
    vmaSetFlags(this.task, findVma(this.task, this.mm, vpn), flags)
    upWrite(this.task, mmapSem(this.mm))
  }

  /** What the exit of the address space tells its notifiers, while the range keeps it from ending. */
  release(): void {
    classicRelease(this.task, this.mm)
  }

  /** Takes everything down. What was not returned. */
  end(): string[] {
    mmPut(this.task, this.mm)
    return this.endWithoutMm()
  }

  /** The same when the test has put the address space. */
  endWithoutMm(): string[] {
    this.unregister()
    detachDevice(this.task, this.mirror)
    return this.endWithoutMirror()
  }

  /** The same when the test has closed the device as well. */
  endWithoutMirror(): string[] {
    freeRange(this.task, this.range)
    return this.leftovers()
  }

  /** Does it with mmap_sem held for reading; drops what is still held of it. */
  locked(fill: () => number): Filled {
    const sem = mmapSem(this.mm)
    downRead(this.task, sem, MMAP_SEM)
    const result = fill()
    const held = isHeld(this.task, sem)
    if (held) upRead(this.task, sem)
    return { result, held }
  }
}

export function ranged(options?: SoloOptions, driver?: Driver): Ranged {
  return new Ranged(options, driver)
}
