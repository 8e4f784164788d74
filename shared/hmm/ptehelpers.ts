/**
 * The helpers for mirror page entries, made for a layout: five for each bit that the layout has, and the encoders and decoders of
 * the kinds of entry that it knows. Names are the series', in TypeScript spelling: hmm_pte_test_and_clear_dirty is
 * hmmPteTestAndClearDirty.
 *
 *   hmmPteClearX, hmmPteSetX               hmmPteTestX            hmmPteTestAndClearX, hmmPteTestAndSetX
 *   hmmPteFromPfn, hmmPtePfn               page number of system memory; 0 unless valid
 *   hmmPteFromDmaAddr, hmmPteDmaAddr       address on the device's bus; 0 unless valid
 *   hmmPteFromDevAddr, hmmPteDevAddr       address in the device's own memory; all ones unless valid
 *
 * Each is one atomic read-modify-write of one bit: the device's side sets DIRTY without the directory's lock while others change
 * other bits under it, so an entry is never written as a whole from a value that was read. The lock is required for valid,
 * write and select bits, not for DIRTY and the driver's own.
 *
 * A page number, a bus address and an address in device memory are different types, and so are the entries made of them: a driver
 * works with one kind and cannot mix them by mistake. Addresses are in bytes and fit 32 bits (4 GiB).
 */
import type { Frame } from '../frame/frames.ts'
import { PAGE_BYTES, PAGE_SHIFT, type WordAt } from '../memory/words.ts'
import { atomicAnd, atomicLoad, atomicOr } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import type { PteBit, PteLayout } from './ptelayout.ts'

/** A page entry. */
export type MirrorPte = number & { readonly brand: 'mirror-pte' }
/** Entries that are known to hold one kind of page. */
export type PfnPte = MirrorPte & { readonly holds: 'pfn' }
/** An entry that is known to hold a page of the bus. */
export type DmaPte = MirrorPte & { readonly holds: 'dma' }
/** An entry that is known to hold a page in the memory of the device. */
export type DevPte = MirrorPte & { readonly holds: 'dev' }

/** The address of a page on the device's bus, in bytes. */
export type DmaAddr = number & { readonly brand: 'dma-addr' }
/** The address of a page in the device's own memory, in bytes. */
export type DevAddr = number & { readonly brand: 'dev-addr' }

/** What hmmPteDevAddr answers for an entry of another kind. */
export const NO_DEV_ADDR = 0xffffffff as DevAddr
const PAGE_FIELD = ~(PAGE_BYTES - 1)

type Clear<N extends PteBit> = { readonly [K in N as `hmmPteClear${K}`]: (task: Task, at: WordAt) => void }
type Set<N extends PteBit> = { readonly [K in N as `hmmPteSet${K}`]: (task: Task, at: WordAt) => void }
type Test<N extends PteBit> = { readonly [K in N as `hmmPteTest${K}`]: (task: Task, at: WordAt) => boolean }
type TestAndClear<N extends PteBit> = { readonly [K in N as `hmmPteTestAndClear${K}`]: (task: Task, at: WordAt) => boolean }
type TestAndSet<N extends PteBit> = { readonly [K in N as `hmmPteTestAndSet${K}`]: (task: Task, at: WordAt) => boolean }
/** The five helpers for each bit. */
export type BitHelpers<N extends PteBit> = Clear<N> & Set<N> & Test<N> & TestAndClear<N> & TestAndSet<N>

interface PfnCodec {
  hmmPteFromPfn(pfn: Frame): PfnPte
  /** The page number, or 0. Takes no entry that is known to be of another kind. */
  hmmPtePfn(pte: MirrorPte & { readonly holds?: 'pfn' }): Frame
}
interface DmaCodec {
  hmmPteFromDmaAddr(addr: DmaAddr): DmaPte
  hmmPteDmaAddr(pte: MirrorPte & { readonly holds?: 'dma' }): DmaAddr
}
interface DevCodec {
  hmmPteFromDevAddr(addr: DevAddr): DevPte
  hmmPteDevAddr(pte: MirrorPte & { readonly holds?: 'dev' }): DevAddr
}
/** Encoders and decoders of the kinds of entry that a layout has. */
export type Codecs<N extends PteBit> = ('ValidPfn' extends N ? PfnCodec : unknown) &
  ('ValidDma' extends N ? DmaCodec : unknown) &
  ('ValidDev' extends N ? DevCodec : unknown)

/** Clears bit number `bit` of the entry at `at`. */
export function hmmPteClearBit(task: Task, at: WordAt, bit: number): void {
  atomicAnd(task, at, ~maskOf(bit))
}

/** Sets bit number `bit` of the entry at `at`. */
export function hmmPteSetBit(task: Task, at: WordAt, bit: number): void {
  atomicOr(task, at, maskOf(bit))
}

/** Is bit number `bit` of the entry at `at` set? */
export function hmmPteTestBit(task: Task, at: WordAt, bit: number): boolean {
  return (atomicLoad(task, at) & maskOf(bit)) !== 0
}

/** Clears the bit; true when it was set. */
export function hmmPteTestAndClearBit(task: Task, at: WordAt, bit: number): boolean {
  return (atomicAnd(task, at, ~maskOf(bit)) & maskOf(bit)) !== 0
}

/** Sets the bit; true when it was set before. */
export function hmmPteTestAndSetBit(task: Task, at: WordAt, bit: number): boolean {
  return (atomicOr(task, at, maskOf(bit)) & maskOf(bit)) !== 0
}

/** All helpers for entries of `layout`. */
export function hmmPteHelpers<N extends PteBit>(layout: PteLayout<N>): BitHelpers<N> & Codecs<N> {
  const helpers: Record<string, unknown> = {}
  for (const [name, bit] of Object.entries<number>(layout.bits)) {
    helpers[`hmmPteClear${name}`] = (task: Task, at: WordAt) => hmmPteClearBit(task, at, bit)
    helpers[`hmmPteSet${name}`] = (task: Task, at: WordAt) => hmmPteSetBit(task, at, bit)
    helpers[`hmmPteTest${name}`] = (task: Task, at: WordAt) => hmmPteTestBit(task, at, bit)
    helpers[`hmmPteTestAndClear${name}`] = (task: Task, at: WordAt) => hmmPteTestAndClearBit(task, at, bit)
    helpers[`hmmPteTestAndSet${name}`] = (task: Task, at: WordAt) => hmmPteTestAndSetBit(task, at, bit)
  }
  return { ...helpers, ...codecs(layout.bits) } as BitHelpers<N> & Codecs<N>
}

function codecs(bits: Readonly<Partial<Record<PteBit, number>>>): Partial<PfnCodec & DmaCodec & DevCodec> {
  const { ValidPfn: pfn, ValidDma: dma, ValidDev: dev } = bits
  return {
    ...(pfn !== undefined && {
      hmmPteFromPfn: (page: Frame) => ((page << PAGE_SHIFT) | (1 << pfn)) as PfnPte,
      hmmPtePfn: (pte: MirrorPte) => ((pte & (1 << pfn)) !== 0 ? pte >>> PAGE_SHIFT : 0) as Frame,
    }),
    ...(dma !== undefined && {
      hmmPteFromDmaAddr: (addr: DmaAddr) => (pageField(addr) | (1 << dma)) as DmaPte,
      hmmPteDmaAddr: (pte: MirrorPte) => ((pte & (1 << dma)) !== 0 ? (pte & PAGE_FIELD) >>> 0 : 0) as DmaAddr,
    }),
    ...(dev !== undefined && {
      hmmPteFromDevAddr: (addr: DevAddr) => (pageField(addr) | (1 << dev)) as DevPte,
      hmmPteDevAddr: (pte: MirrorPte) => ((pte & (1 << dev)) !== 0 ? (pte & PAGE_FIELD) >>> 0 : NO_DEV_ADDR) as DevAddr,
    }),
  }
}

function pageField(addr: number): number {
  assert(addr >= 0 && addr <= 0xffffffff, 'an address in a mirror entry has 32 bits')
  return addr & PAGE_FIELD
}

function maskOf(bit: number): number {
  assert(bit >= 0 && bit < 32, 'an entry has 32 bits')
  return 1 << bit
}
