/**
 * Pages that are wanted on two sides at once. Each move costs more than a remote access, so a page that is moved again and again is left
 * alone for a while, and then stays in system memory, which both sides reach.
 *
 *   calm       moves within LAPSE of each other are counted; EVENTS of them: throttled
 *   throttled  the device's faults on it wait until NAP is over; the CPUs go on. PIN_AFTER times of it: pinned
 *   pinned     it is mapped in system memory for PIN; a later fault begins anew
 *
 * After an EPOCH the counts of its 2 MiB are forgotten, RESETS times at most: what thrashes for ever is not given a new start for ever.
 * (Constants of NVIDIA's UVM, uvm_perf_thrashing.c. There a pin ends by itself, and unmaps the page; here it ends with the next fault
 * after its time.)
 *
 *   notes about a page   word 0: STATE, 2 bits; MOVES, 4 bits; NAPS, 4 bits; FAULTS, 8 bits
 *                        word 1: time in us: of the last move, or the end of the nap or pin
 *   notes about a block  word 0: begin of the epoch in us, + 1. Word 1: resets
 *
 * Times are of dev.nowNs and wrap after 35 minutes. The mirror's update lock is held by all callers but that of noteMoves.
 */
import type { DeviceContext, Mirror, WordAt } from '../../device/index.ts'

const US = 1000
/** Two moves within this time are one event. */
const LAPSE_US = 500
const EVENTS = 3
const NAP_US = LAPSE_US
const PIN_AFTER = 10
const PIN_US = 300 * LAPSE_US
const EPOCH_US = 2000 * LAPSE_US
const RESETS = 4

const CALM = 0
const THROTTLED = 1
const PINNED = 2

const STATE = { at: 0, max: 3 } as const
const MOVES = { at: 2, max: 15 } as const
const NAPS = { at: 6, max: 15 } as const
const FAULTS = { at: 10, max: 255 } as const
type Field = typeof STATE | typeof MOVES | typeof NAPS | typeof FAULTS

/** Counts a fault of the device on page `vpn`; returns how many there were, and 1 where nothing can be noted. */
export function noteFault(dev: DeviceContext, mirror: Mirror, vpn: number): number {
  const at = dev.pageNotes(mirror, vpn, true)
  if (at === 0) return 1
  const faults = Math.min(FAULTS.max, read(dev, at, FAULTS) + 1)
  write(dev, at, FAULTS, faults)
  return faults
}

/** Page `vpn` moved, to the device or home, or was taken exclusively. It is noted only where there are notes already. */
export function noteMove(dev: DeviceContext, mirror: Mirror, vpn: number): void {
  const at = dev.pageNotes(mirror, vpn, false)
  if (at === 0) return
  const now = nowUs(dev)
  beginEpoch(dev, mirror, vpn, now)
  if (read(dev, at, STATE) !== CALM) return
  const before = dev.load(at + 1) // 0 before the first move, which follows on nothing
  const soon = before !== 0 && ((now - before) | 0) <= LAPSE_US
  write(dev, at, MOVES, soon ? Math.min(MOVES.max, read(dev, at, MOVES) + 1) : 0)
  dev.store(at + 1, now)
}

/** The same of several pages. Takes the update lock. */
export function noteMoves(dev: DeviceContext, mirror: Mirror, vpns: readonly number[]): void {
  dev.lock(mirror)
  for (const vpn of vpns) noteMove(dev, mirror, vpn)
  dev.unlock(mirror)
}

/** What a fault on a page comes to: serve it; leave it alone for so many ns; or serve it in system memory. */
export type Hint = { readonly kind: 'none' } | { readonly kind: 'leave'; readonly ns: number } | { readonly kind: 'pinned' }

const NONE: Hint = { kind: 'none' }

/** Asks about a fault on page `vpn`. */
export function hintFor(dev: DeviceContext, mirror: Mirror, vpn: number): Hint {
  const at = dev.pageNotes(mirror, vpn, false)
  if (at === 0) return NONE
  const now = nowUs(dev)
  const left = (dev.load(at + 1) - now) | 0
  const state = read(dev, at, STATE)
  if (state === PINNED) {
    if (left > 0) return { kind: 'pinned' }
    calm(dev, at, now)
    write(dev, at, NAPS, 0)
    return NONE
  }
  if (state === THROTTLED) {
    if (left > 0) return { kind: 'leave', ns: left * US }
    calm(dev, at, now)
    return NONE
  }
  if (read(dev, at, MOVES) < EVENTS) return NONE
  if (read(dev, at, NAPS) >= PIN_AFTER) {
    pin(dev, mirror, vpn)
    return { kind: 'pinned' }
  }
  write(dev, at, NAPS, read(dev, at, NAPS) + 1)
  write(dev, at, STATE, THROTTLED)
  dev.store(at + 1, (now + NAP_US) | 0)
  dev.memory.count('throttled')
  return { kind: 'leave', ns: NAP_US * US }
}

/** Leaves page `vpn` in system memory for the time of a pin. */
export function pin(dev: DeviceContext, mirror: Mirror, vpn: number): void {
  const at = dev.pageNotes(mirror, vpn, true)
  if (at === 0) return
  write(dev, at, STATE, PINNED)
  dev.store(at + 1, (nowUs(dev) + PIN_US) | 0)
  dev.memory.count('pinned')
}

/** Is page `vpn` throttled or pinned now? Such a page does not move with its neighbours. */
export function isLeftAlone(dev: DeviceContext, mirror: Mirror, vpn: number): boolean {
  const at = dev.pageNotes(mirror, vpn, false)
  return at !== 0 && read(dev, at, STATE) !== CALM && ((dev.load(at + 1) - nowUs(dev)) | 0) > 0
}

/** Its nap or pin is over: it starts with no moves, as of now. */
function calm(dev: DeviceContext, at: WordAt, now: number): void {
  write(dev, at, STATE, CALM)
  write(dev, at, MOVES, 0)
  dev.store(at + 1, now)
}

/** Forgets the moves and naps of all 512 pages when their epoch is over. Pins and naps under way stay. */
function beginEpoch(dev: DeviceContext, mirror: Mirror, vpn: number, now: number): void {
  const block = dev.blockNotes(mirror, vpn)
  const begin = dev.load(block)
  if (begin === 0) {
    dev.store(block, now)
    return
  }
  if (((now - begin) | 0) < EPOCH_US || dev.load(block + 1) >= RESETS) return
  dev.store(block, now)
  dev.store(block + 1, dev.load(block + 1) + 1)
  const first = vpn - (vpn % BLOCK_PAGES)
  for (let page = first; page < first + BLOCK_PAGES; page++) {
    const at = dev.pageNotes(mirror, page, false)
    write(dev, at, MOVES, 0)
    write(dev, at, NAPS, 0)
  }
}

const BLOCK_PAGES = 512

/** Never 0: that means no time. */
function nowUs(dev: DeviceContext): number {
  return Math.floor(dev.nowNs() / US) | 0 || 1
}

function read(dev: DeviceContext, at: WordAt, field: Field): number {
  return (dev.load(at) >>> field.at) & field.max
}

function write(dev: DeviceContext, at: WordAt, field: Field, value: number): void {
  dev.store(at, (dev.load(at) & ~(field.max << field.at)) | (value << field.at))
}
