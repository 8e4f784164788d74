/** What the parts of the test device share: its entry format, its batch, its patience. */
import type { PfnFormat } from '../../device/index.ts'

export const FORMAT: PfnFormat = {
  valid: 1n << 0n,
  write: 1n << 1n,
  huge: 1n << 2n,
  error: 1n << 3n,
  devicePrivate: 1n << 4n,
  none: 0n,
  pfnShift: 8,
}

/** Pages per batch of a fault, a migration or an exclusive take (6.12: 64). */
export const BATCH = 64

/** Bound on the retries of one batch (kernel: HMM_RANGE_DEFAULT_TIMEOUT). */
export const RETRY_BUDGET_NS = 1_000_000_000

/** Driver's bit of an entry: taken exclusively. Such an entry may be read through, not written. */
export const EXCLUSIVE_BIT = 1 << 8
