/**
 * The driver's own encoding of a page (2018): the runtime fills the driver's array in the driver's format, in place, without
 * a conversion pass. A driver says which bits of *its* 64-bit entry mean what:
 *
 *   flags[]     VALID, WRITE, DEVICE_PRIVATE, HUGE: bits to set. One HMM flag may be several device bits; but for VALID, 0 = do not
 *               care, and then no entry and no request has it.
 *   values[]    ERROR, NONE, SPECIAL: whole entries for pages without a frame. SPECIAL may be ERROR; NONE differs from both. ERROR and
 *               SPECIAL may have the bits of VALID (all ones), if no page's entry can be mistaken for them.
 *   pfnShift    where the frame number starts, at most 44: frames have 20 bits.
 *
 * `huge` is an addition to the three flags of 2018: later kernels report the size of the CPU's mapping, and so do we.
 *
 * An entry is two words in the buffer, low then high, so that bits 63 and 62 cost what bit 0 costs and nothing is a BigInt.
 * `BigInt` appears only here, where a driver states its format once.
 */
import type { Frame } from '../frame/frames.ts'
import type { WordAt } from '../memory/words.ts'
import { HmmError } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'

/** A driver's format, as it states it. */
export interface PfnFormat {
  readonly valid: bigint
  readonly write: bigint
  /** 0n: the driver does not tell own memory apart. */
  readonly devicePrivate?: bigint
  /** Set on pages mapped by a 2 MiB entry; 0n: does not care. */
  readonly huge?: bigint
  readonly error: bigint
  readonly none: bigint
  /** A mapping without a page behind it; ERROR if it is not stated. */
  readonly special?: bigint
  readonly pfnShift: number
}

/** Words of an encoding as it lies in a range record. */
export const ENCODING_WORDS = 15
const VALID = 0
const WRITE = 2
const DEVICE_PRIVATE = 4
const HUGE = 6
const ERROR = 8
const NONE = 10
const SHIFT = 12
const SPECIAL = 13

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const ENCODING_AT = { valid: VALID, write: WRITE, devicePrivate: DEVICE_PRIVATE, shift: SHIFT } as const

/** The format the runtime uses where a driver states none: that of Linux 5.8 and later. */
export const LINUX_FORMAT: PfnFormat = {
  valid: 1n << 63n,
  write: 1n << 62n,
  error: 1n << 61n,
  huge: 1n << 56n,
  none: 0n,
  pfnShift: 0,
}

/** Writes `format` at `at`. Throws HMM_ERR_FORMAT with one sentence when the driver's layout contradicts itself. */
export function storeFormat(task: Task, at: WordAt, format: PfnFormat): void {
  checkFormat(format)
  put64(task, at + VALID, format.valid)
  put64(task, at + WRITE, format.write)
  put64(task, at + DEVICE_PRIVATE, format.devicePrivate ?? 0n)
  put64(task, at + HUGE, format.huge ?? 0n)
  put64(task, at + ERROR, format.error)
  put64(task, at + NONE, format.none)
  put(task, at + SHIFT, format.pfnShift)
  put64(task, at + SPECIAL, format.special ?? format.error)
}

/** Formats that were found usable: a driver states the same object again and again. */
const usable = new WeakSet<PfnFormat>()

function checkFormat(format: PfnFormat): void {
  if (usable.has(format)) return
  const problem = problemOf(format)
  if (problem !== null) throw new HmmError('HMM_ERR_FORMAT', `a driver's pfn format is not usable: ${problem}`)
  usable.add(format)
}

const FRAME_BITS = 20n
const LAST_SHIFT = 64 - Number(FRAME_BITS)

/** What is wrong with a format, or null. */
function problemOf(format: PfnFormat): string | null {
  const { valid, write, devicePrivate = 0n, huge = 0n, error, none, special = error, pfnShift } = format
  const words = Object.entries({ valid, write, devicePrivate, huge, error, none, special })
  const large = words.find(([, value]) => BigInt.asUintN(64, value) !== value)
  if (large !== undefined) return `${large[0]} must have 64 bits`
  if (!Number.isInteger(pfnShift) || pfnShift < 0 || pfnShift > LAST_SHIFT)
    return `pfnShift must be an integer from 0 to ${LAST_SHIFT}`
  if (valid === 0n) return 'flags for VALID must not be 0'
  const flags = valid | write | devicePrivate | huge
  const frame = ((1n << FRAME_BITS) - 1n) << BigInt(pfnShift)
  if ((flags & frame) !== 0n) return `flags must leave ${FRAME_BITS} bits from pfnShift on to the frame`
  // A flag whose bits all belong to others as well is there whenever those are: it could not be told.
  const others = { WRITE: [write, valid | devicePrivate | huge], DEVICE_PRIVATE: [devicePrivate, valid | write | huge] }
  for (const [name, [own, rest]] of Object.entries({ ...others, HUGE: [huge, valid | write | devicePrivate] }))
    if (own !== 0n && ((own as bigint) & ~(rest as bigint)) === 0n) return `flags for ${name} need a bit that no other flag has`
  if (none === error) return 'the values for NONE and ERROR must differ'
  if (none === special) return 'the values for NONE and SPECIAL must differ'
  if ((none & valid) === valid) return 'the value for NONE must not look valid'
  for (const [name, value] of Object.entries({ ERROR: error, SPECIAL: special }))
    if ((value & valid) === valid && (value & ~(flags | frame)) === 0n)
      return `the value for ${name} could be the entry of a page`
  return null
}

/** Low word of a frame's entry without flags. */
export function pfnLow(frame: Frame, shift: number): number {
  return shift < 32 ? frame << shift : 0
}

/** High word of a frame's entry without flags. */
export function pfnHigh(frame: Frame, shift: number): number {
  if (shift >= 32) return frame << (shift - 32)
  return shift > 12 ? frame >>> (32 - shift) : 0 // frames have 20 bits: below shift 12 nothing reaches the high word
}

/** The frame an entry names, given that it is valid. */
export function pfnFrame(low: number, high: number, shift: number): Frame {
  if (shift >= 32) return ((high >>> (shift - 32)) & 0xfffff) as Frame
  const joined = shift === 0 ? low : (low >>> shift) | (high << (32 - shift))
  return (joined & 0xfffff) as Frame
}

/** A format as the walker uses it: split into words, in one object per thread that is filled anew for each range. */
export class Encoding {
  validLow = 0
  validHigh = 0
  writeLow = 0
  writeHigh = 0
  privateLow = 0
  privateHigh = 0
  hugeLow = 0
  hugeHigh = 0
  errorLow = 0
  errorHigh = 0
  noneLow = 0
  noneHigh = 0
  specialLow = 0
  specialHigh = 0
  shift = 0

  /** Loads the format at `at`. */
  load(task: Task, at: WordAt): this {
    this.validLow = get(task, at + VALID)
    this.validHigh = get(task, at + VALID + 1)
    this.writeLow = get(task, at + WRITE)
    this.writeHigh = get(task, at + WRITE + 1)
    this.privateLow = get(task, at + DEVICE_PRIVATE)
    this.privateHigh = get(task, at + DEVICE_PRIVATE + 1)
    this.hugeLow = get(task, at + HUGE)
    this.hugeHigh = get(task, at + HUGE + 1)
    this.errorLow = get(task, at + ERROR)
    this.errorHigh = get(task, at + ERROR + 1)
    this.noneLow = get(task, at + NONE)
    this.noneHigh = get(task, at + NONE + 1)
    this.shift = get(task, at + SHIFT)
    this.specialLow = get(task, at + SPECIAL)
    this.specialHigh = get(task, at + SPECIAL + 1)
    return this
  }

  /** Has an entry a page behind it? */
  hasPage(low: number, high: number): boolean {
    if (!this.wantsPage(low, high)) return false
    return !(low === this.errorLow && high === this.errorHigh) && !(low === this.specialLow && high === this.specialHigh)
  }

  /** Can an entry without a page have the bits of VALID? */
  hasValidMarks(): boolean {
    return this.wantsPage(this.errorLow, this.errorHigh) || this.wantsPage(this.specialLow, this.specialHigh)
  }

  /** Does a request ask for the page to be there at all? */
  wantsPage(low: number, high: number): boolean {
    return (low & this.validLow) === this.validLow && (high & this.validHigh) === this.validHigh
  }

  /** Is an entry in the asking device's own memory? Never, for a driver that does not tell it apart. */
  isPrivate(low: number, high: number): boolean {
    if ((this.privateLow | this.privateHigh) === 0) return false
    return (low & this.privateLow) === this.privateLow && (high & this.privateHigh) === this.privateHigh
  }

  /** Does a request, or an entry, have the write flag? Never, for a driver that does not tell it apart. */
  hasWrite(low: number, high: number): boolean {
    if ((this.writeLow | this.writeHigh) === 0) return false
    return (low & this.writeLow) === this.writeLow && (high & this.writeHigh) === this.writeHigh
  }
}

/** Splits a 64-bit constant over two words. */
export function put64(task: Task, at: WordAt, value: bigint): void {
  put(task, at, Number(BigInt.asIntN(32, value)))
  put(task, at + 1, Number(BigInt.asIntN(32, value >> 32n)))
}

export function get64(task: Task, at: WordAt): bigint {
  return (BigInt(get(task, at + 1) >>> 0) << 32n) | BigInt(get(task, at) >>> 0)
}
