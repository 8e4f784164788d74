/** What the parts of the svm family share: its entry format, its words in a mirror, its patience. */
import type { DeviceContext, Mirror, PfnFormat, Range } from '../../device/index.ts'

/** The device's own entry format: valid, write and own memory on top, as its page tables have them, frames from bit 8. */
export const SVM_FORMAT: PfnFormat = {
  valid: 1n << 63n,
  write: 1n << 62n,
  devicePrivate: 1n << 61n,
  error: 1n << 1n,
  none: 0n,
  pfnShift: 8,
}

/** Word of a mirror that holds its service's range. Written by attach, before the hardware knows the mirror. */
export const RANGE_WORD = 0

/** Pages of one range, and of one step of a migration. */
export const BATCH = 64

/** How long one fault may be retried before it is left to the hardware (kernel: HMM_RANGE_DEFAULT_TIMEOUT, 1000 ms). */
export const RETRY_BUDGET_MS = 1000

/** The mirror's range. Its service's only. */
export function rangeOf(dev: DeviceContext, mirror: Mirror): Range {
  return dev.load(dev.mirrorWord(mirror, RANGE_WORD)) as Range
}
