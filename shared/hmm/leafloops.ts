/**
 * The inner loops of mirroring over one leaf as WebAssembly (leafloops.wat), four pages at a time. They know the page that nearly all
 * are, and stop in front of any other:
 *
 *   snapshotAlike   CPU entries to a range's: present, and writable where that is asked of every page alike
 *   installAlike    a range's entries to the mirror's: valid and not own memory; in the mirror already, or not valid there yet
 *
 * The loops in TypeScript around them (hmm/rangefault.ts, hmm/installrange.ts) do the others, and everything where this thread has no
 * memory to hand to a module (Task.memory), or the host has no such instructions. Both forms do the same, word for word.
 *
 * A module touches words plainly, which is what a holder of the leaf's lock may do, and is no schedule point; so the callers have no use
 * for it in controlled mode, and none where accesses are checked.
 */
import type { SharedMemory } from '../memory/regions.ts'
import { WORD_BYTES, type WordAt } from '../memory/words.ts'
import type { Task } from '../seam/task.ts'
import type { Encoding } from './encoding.ts'
import { LEAF_LOOPS } from './leafbytes.ts'
import { MIRROR_VALID, MIRROR_VALID_PFN, MIRROR_WRITE } from './mirrorpte.ts'

/** Fewer pages are not worth the call. */
const FEWEST = 8

/** The exports of the module; leafloops.wat says what each parameter is. Addresses are bytes. */
interface LeafLoops {
  snapshot(
    pte: number,
    pfn: number,
    count: number,
    need: number,
    shift: number,
    validLow: number,
    validHigh: number,
    writeLow: number,
    writeHigh: number,
  ): number
  install(
    at: number,
    pfn: number,
    count: number,
    shift: number,
    validLow: number,
    validHigh: number,
    writeLow: number,
    writeHigh: number,
    markLow: number,
    markHigh: number,
    writeBit: number,
    validBit: number,
    anyValid: number,
    kept: number,
  ): number
}

/** The little of the WebAssembly API that is used here. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: { host: { memory: SharedMemory } }) => { readonly exports: unknown }
  validate(bytes: Uint8Array): boolean
}

/** One per thread, for the memory that was used last: threads have one for as long as their machine lives. */
let used: SharedMemory | null = null
let loops: LeafLoops | null = null
let compiled: object | null = null

/** May a thread use the module? Then not in controlled mode, with noise or with checks. */
export function hasLeafLoops(task: Task): boolean {
  if (task.memory === null || task.checked || task.gate !== 0) return false
  if (task.memory !== used) instantiate(task.memory)
  return loops !== null
}

function instantiate(memory: SharedMemory): void {
  used = memory
  if (!WebAssembly.validate(LEAF_LOOPS)) return
  compiled ??= new WebAssembly.Module(LEAF_LOOPS)
  loops = new WebAssembly.Instance(compiled, { host: { memory } }).exports as LeafLoops
}

/**
 * Fills entries of a range, from word `pfn` on, from those of a locked leaf, from word `pte` on, as long as each has all bits of `need`.
 * Returns how many of `count` are filled. hasLeafLoops.
 */
export function snapshotAlike(pte: WordAt, pfn: WordAt, count: number, need: number, encoding: Encoding): number {
  if (count < FEWEST || loops === null) return 0
  const { shift, validLow, validHigh, writeLow, writeHigh } = encoding
  return loops.snapshot(pte * WORD_BYTES, pfn * WORD_BYTES, count, need, shift, validLow, validHigh, writeLow, writeHigh)
}

/**
 * Fills entries of a locked leaf directory, from word `at` on, from those of a range, from word `pfn` on, as long as they are alike. `kept`
 * are bits that an entry that names the same page keeps. Returns how many of `count` are done, and from bit 16 on how many of them became
 * valid. hasLeafLoops; no entry of the format without a page looks valid.
 */
export function installAlike(at: WordAt, pfn: WordAt, count: number, encoding: Encoding, kept: number): number {
  if (count < FEWEST || loops === null) return 0
  const { shift, validLow, validHigh, writeLow, writeHigh, privateLow, privateHigh } = encoding
  return loops.install(
    at * WORD_BYTES,
    pfn * WORD_BYTES,
    count,
    shift,
    validLow,
    validHigh,
    writeLow,
    writeHigh,
    validLow | privateLow,
    validHigh | privateHigh,
    (writeLow | writeHigh) === 0 ? 0 : MIRROR_WRITE,
    MIRROR_VALID_PFN,
    MIRROR_VALID,
    kept,
  )
}
