/**
 * Where the bits of a mirror page entry lie. The series moved them twice, so they are a table: everything that touches a bit is
 * made for a layout (ptehelpers.ts), and a fourth one would be a row here.
 *
 *   bit 31 ................ 12 11 ... HW_SHIFT  ...                                       0
 *       +---------------------+---------------+-----+-------+-------+--------+---------+---+
 *       | page                | driver's bits |     | DIRTY | WRITE | SELECT | VALID_* ... |
 *       +---------------------+---------------+-----+-------+-------+--------+---------+---+
 *
 *   VALID_*    at most one in an entry that stands: what the page field names (system page, bus address, device memory).
 *   SELECT     chosen for the migration in progress: set and cleared by the runtime, never by a driver; no meaning outside one.
 *   WRITE      the device may write. The hardware must fault on a write without it.
 *   DIRTY      the device wrote since the bit was last taken. Set by the driver's side without a lock, taken by test-and-clear.
 *   driver's   HW_SHIFT to PAGE_SHIFT - 1: only by the raw bit helpers, only in entries with a valid bit.
 *
 * There is no lock bit: exclusion is the directory's spinlock. (Spec: PT3, DEVE and SEL of the series.)
 */

/** Names of bits, as they appear in the helpers' names: hmmPteTestDirty. */
export type PteBit = 'ValidDev' | 'ValidDma' | 'ValidPfn' | 'Select' | 'Write' | 'Dirty'

export interface PteLayout<N extends PteBit = PteBit> {
  /** Number of each bit that the layout has. */
  readonly bits: Readonly<Record<N, number>>
  /** HMM_PTE_HW_SHIFT: the first bit that belongs to the driver. */
  readonly hwShift: number
}

function layout<N extends PteBit>(bits: Readonly<Record<N, number>>, hwShift: number): PteLayout<N> {
  return { bits, hwShift }
}

export const PTE_LAYOUTS = {
  /** Version 3, July 2015. */
  v3: layout({ ValidDma: 0, ValidPfn: 1, Write: 2, Dirty: 3 }, 4),
  /** The same with device memory. */
  deviceMemory: layout({ ValidDev: 0, ValidDma: 1, ValidPfn: 2, Write: 3, Dirty: 4 }, 8),
  /** Version 12, March 2016: the one that engines here translate through. */
  v12: layout({ ValidDev: 0, ValidDma: 1, ValidPfn: 2, Select: 3, Write: 4, Dirty: 5 }, 8),
} as const
