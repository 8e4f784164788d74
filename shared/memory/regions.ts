/**
 * The map of the buffer. Word 0 starts the superblock; it lists where every region begins and how many words it has, so a
 * worker that is handed nothing but the buffer finds its way.
 *
 *     word  0         SUPER_WORDS                                                        words
 *           +------------+--------+-------+-----+-------+--------+------+--------+---------+
 *           | superblock | actors | slots | ... | trace | shadow | heap | frames | (pad)   | frame bytes, page aligned
 *           +------------+--------+-------+-----+-------+--------+------+--------+---------+
 *
 *   superblock   magic, version, region table: written once by `createRegions` before any worker starts, read-only after,
 *                except the words from RUN_WORDS on, which the seam owns (halt, awake count, ...).
 *
 * Sizes are decided by whoever boots the machine; what a region holds is decided by the room that owns it.
 */
import { LINE_WORDS, lineAligned, PAGE_WORDS, WORD_BYTES, type WordAt, type Words } from './words.ts'

/** Region numbers. The order is the order in the buffer: what a run writes most comes first, so a reset copies a prefix. */
export const REGION = {
  actors: 0,
  windows: 1,
  slots: 2,
  devices: 3,
  locks: 4,
  scheduler: 5,
  iommus: 6,
  stats: 7,
  histograms: 8,
  lockTimes: 9,
  gathers: 10,
  tlbs: 11,
  trace: 12,
  log: 13,
  programs: 14,
  feed: 15,
  timeline: 16,
  shadow: 17,
  heap: 18,
  frames: 19,
  bytes: 20,
} as const
export type RegionName = keyof typeof REGION
/** Words of each region of the buffer. */
export type RegionSizes = Readonly<Record<RegionName, number>>

const MAGIC = 0x484d4d31 // 'HMM1'
const MAGIC_AT = 0
const TOTAL_AT = 1
const TABLE_AT = 2
/** First superblock word that a run may change; the layout is in shared/seam. */
export const RUN_AT = 64
export const RUN_WORDS = 192
export const SUPER_WORDS = RUN_AT + RUN_WORDS

/** Smallest and largest buffer a machine can be booted with, in bytes. 4 GiB is the limit of a shared WebAssembly memory. */
export const MIN_BUFFER_BYTES = 256 * 1024
export const MAX_BUFFER_BYTES = 4 * 1024 * 1024 * 1024
const WASM_PAGE_BYTES = 65536

/** The little of the WebAssembly API that is used here; the project compiles without the browser's type library. */
declare const WebAssembly: {
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => SharedMemory
}

/** A WebAssembly memory: what a module that works on the buffer is given (hmm/leafloops.ts). It can be posted to another thread. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

/** The memories whose buffers this thread uses. */
const memories = new WeakMap<SharedArrayBuffer, SharedMemory>()

/**
 * Allocates the buffer. It is that of a WebAssembly memory: an ordinary SharedArrayBuffer, which the inner loops of mirroring reach as
 * well.
 */
export function createBuffer(bytes: number): SharedArrayBuffer {
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES)
  return adoptMemory(new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }))
}

/** The buffer of a memory that another thread allocated. */
export function adoptMemory(memory: SharedMemory): SharedArrayBuffer {
  const { buffer } = memory
  memories.set(buffer, memory)
  return buffer
}

/** The memory that `buffer` is of, or null: it is another kind of buffer, or came to this thread without its memory. */
export function memoryOf(buffer: SharedArrayBuffer): SharedMemory | null {
  return memories.get(buffer) ?? null
}

/** Words that regions of these sizes need in all, padding included. */
export function wordsNeeded(sizes: RegionSizes): number {
  return place(sizes).total
}

/** Writes the superblock. Called once, by the thread that boots the machine, before any other thread has the buffer. */
export function createRegions(words: Words, sizes: RegionSizes): void {
  const { table, total } = place(sizes)
  if (total > words.length)
    throw new RangeError(`regions need ${total * WORD_BYTES} bytes, the buffer has ${words.length * WORD_BYTES}`)
  words[MAGIC_AT] = MAGIC
  words[TOTAL_AT] = total
  for (const name of Object.keys(REGION) as RegionName[]) {
    const entry = table[name]
    words[TABLE_AT + REGION[name] * 2] = entry.at
    words[TABLE_AT + REGION[name] * 2 + 1] = entry.words
  }
}

/** True when `words` begins with a superblock of this version. */
export function hasRegions(words: Words): boolean {
  return words[MAGIC_AT] === MAGIC
}

export function regionAt(words: Words, name: RegionName): WordAt {
  return words[regionWordAt(name)] as number
}

/** Word of the superblock that says where a region begins. */
export function regionWordAt(name: RegionName): WordAt {
  return TABLE_AT + REGION[name] * 2
}

export function regionWords(words: Words, name: RegionName): number {
  return words[TABLE_AT + REGION[name] * 2 + 1] as number
}

function place(sizes: RegionSizes): { table: Record<RegionName, { at: number; words: number }>; total: number } {
  const table = {} as Record<RegionName, { at: number; words: number }>
  let at = SUPER_WORDS
  for (const name of Object.keys(REGION) as RegionName[]) {
    if (name === 'bytes') at = Math.ceil(at / PAGE_WORDS) * PAGE_WORDS
    table[name] = { at, words: sizes[name] }
    at += lineAligned(sizes[name])
  }
  return { table, total: Math.max(at, LINE_WORDS) }
}
