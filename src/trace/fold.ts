/**
 * From addresses of the traced program to pages of the machine. A program's address space is 2^48 bytes or more and nearly empty; the
 * machine's is 2^44 bytes.
 *
 *   traced     | 256 MiB slot 0: text, heap |      ...      | slot 511: stack |      ...
 *                     |                                             |
 *   machine    | (slot 0 stays empty) | slot 1: "A"  | slot 2: "B" | ...
 *
 * Each slot of 256 MiB that the trace reaches gets the next slot of the machine, in the order of first use; a page keeps its place in
 * its slot. So what is close together stays close together, leaf tables and borders of 2 MiB are where they were, and what is folded
 * away is the emptiness between slots. Mapped are stretches of 2 MiB, when the trace first touches them; neighbours become one area.
 */
import { STRETCH_PAGES } from '../../shared/actor/feed.ts'
import { TRACE_SLOTS } from '../../shared/actor/workloads/trace.ts'
import { SLOT_PAGES } from '../../shared/seam/trace.ts'

const STRETCHES = SLOT_PAGES / STRETCH_PAGES

/** What is known of one slot of the machine: which of its pages were touched, and which stretches are mapped. */
interface Slot {
  readonly touched: Uint32Array
  readonly mapped: Uint8Array
}

/** No page: the trace reaches into more slots than the machine has for it. */
export const NO_PLACE = -1

/** The places that the pages of one trace have. Memory: 8 KiB a slot, whatever the length of the trace. */
export class AddressFold {
  /** Distinct pages so far. */
  pages = 0
  private readonly numbers = new Map<number, number>()
  private readonly slots: Slot[] = []

  /** Page number in the machine of page `page` of the trace, below 2^53, or NO_PLACE. */
  place(page: number): number {
    const number = this.slotOf(Math.floor(page / SLOT_PAGES))
    return number === NO_PLACE ? NO_PLACE : (number + 1) * SLOT_PAGES + (page % SLOT_PAGES)
  }

  /** Counts page `vpn`, a place. True the first time. */
  touch(vpn: number): boolean {
    const { touched } = this.slots[Math.floor(vpn / SLOT_PAGES) - 1] as Slot
    const page = vpn % SLOT_PAGES
    const bits = touched[page >>> 5] as number
    const bit = 1 << (page & 31)
    if ((bits & bit) !== 0) return false
    touched[page >>> 5] = bits | bit
    this.pages++
    return true
  }

  /** True the first time for each stretch: the one of page `vpn`, a place, must be mapped. */
  needsMapping(vpn: number): boolean {
    const { mapped } = this.slots[Math.floor(vpn / SLOT_PAGES) - 1] as Slot
    const stretch = Math.floor((vpn % SLOT_PAGES) / STRETCH_PAGES)
    if (mapped[stretch] === 1) return false
    mapped[stretch] = 1
    return true
  }

  /** Areas that the mapped stretches come to: those without a gap are one. */
  get areas(): number {
    let areas = 0
    let open = false
    for (const { mapped } of this.slots) {
      for (const one of mapped) {
        if (one === 1 && !open) areas++
        open = one === 1
      }
    }
    return areas
  }

  private slotOf(slot: number): number {
    const known = this.numbers.get(slot)
    if (known !== undefined) return known
    if (this.slots.length === TRACE_SLOTS) return NO_PLACE
    this.numbers.set(slot, this.slots.length)
    this.slots.push({ touched: new Uint32Array(SLOT_PAGES / 32), mapped: new Uint8Array(STRETCHES) })
    return this.slots.length - 1
  }
}
