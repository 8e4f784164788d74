/** One access of a trace, as a line of its file says it, and what all formats agree on. */

export type TraceOp = 'fetch' | 'load' | 'store' | 'modify'

/** Who makes an access, where the file says so: some cpu or device, or the one with that number. */
export interface TraceActor {
  readonly kind: 'cpu' | 'dev'
  readonly index?: number
}

export interface TraceAccess {
  readonly op: TraceOp
  /** Number of the 4 KiB page in the traced program's address space, below 2^52. */
  readonly page: number
  /** First byte in that page. */
  readonly offset: number
  /** Bytes, 1 to MAX_ACCESS_BYTES. */
  readonly size: number
  readonly actor?: TraceActor
}

export const TRACE_PAGE_BYTES = 4096
/** An access is at most as long as a page, so that it touches at most two. */
export const MAX_ACCESS_BYTES = 4096

/** Hexadecimal digits of an offset in a page. */
const OFFSET_DIGITS = 3
const MAX_ADDRESS = 2n ** 64n

/** Page and offset of an address of 64 bits, or null. `digits` are hexadecimal; an address of 64 bits is no number of JavaScript's. */
export function hexAddress(digits: string): { page: number; offset: number } | null {
  const significant = digits.replace(/^0+/, '')
  if (significant.length > 16 || !/^[0-9a-fA-F]+$/.test(digits)) return null
  const cut = Math.max(0, significant.length - OFFSET_DIGITS)
  return {
    page: cut === 0 ? 0 : Number.parseInt(significant.slice(0, cut), 16),
    offset: significant === '' ? 0 : Number.parseInt(significant.slice(cut), 16),
  }
}

/** `0x7ffe1230` or `140728898420736`: page and offset, or null for what is no address of 64 bits. */
export function parseAddress(text: string): { page: number; offset: number } | null {
  if (/^0[xX]/.test(text)) return hexAddress(text.slice(2))
  if (!/^[0-9]{1,20}$/.test(text)) return null
  const address = BigInt(text)
  return address < MAX_ADDRESS ? hexAddress(address.toString(16)) : null
}

/** Bytes of an access, or null for what is no size. */
export function parseSize(text: string): number | null {
  const size = Number(text)
  return /^[0-9]{1,5}$/.test(text) && size >= 1 && size <= MAX_ACCESS_BYTES ? size : null
}
