/**
 * The entries in which ODP has the pages of a region: the flags of the 2019 series (read, write, device from bit 0 on), errors as all
 * ones. A region that may only be read has a format without a bit for writing: what is found then has no right to write, and is
 * mapped for reading, whatever the CPU may do.
 */
import type { PfnFormat } from '../../device/index.ts'

/** Of regions that the device may read and write. */
export const ODP_FORMAT: PfnFormat = {
  valid: 1n << 0n,
  write: 1n << 1n,
  devicePrivate: 1n << 2n,
  none: 0n,
  error: (1n << 64n) - 1n,
  special: (1n << 64n) - 2n,
  pfnShift: 12,
}

/** Of regions that the device may only read. */
export const ODP_READ_ONLY_FORMAT: PfnFormat = { ...ODP_FORMAT, write: 0n }

/** The format of a region's list, and of the ranges that fill it. */
export function formatFor(write: boolean): PfnFormat {
  return write ? ODP_FORMAT : ODP_READ_ONLY_FORMAT
}

/** Pages that a fault's range has room for: the most that one request brings in. */
export const WINDOW_PAGES = 64

/** What a request asks of every page. */
export const ASK = {
  /** Nothing: the pages that are there already, as the CPU has them. */
  present: 0n,
  read: ODP_FORMAT.valid,
  write: ODP_FORMAT.valid | ODP_FORMAT.write,
} as const
export type Ask = (typeof ASK)[keyof typeof ASK]
