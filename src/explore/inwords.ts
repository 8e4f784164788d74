/** What values of the protocol's words mean, in longer words than a table on a terminal has room for; and which entries are stale. */
import {
  MIRROR_VALID_DEV,
  MIRROR_VALID_DMA,
  type MirrorPte,
  mirrorPteFrame,
  mirrorValid,
  mirrorWritable,
} from '../../shared/hmm/mirrorpte.ts'
import {
  isExclusive,
  isMigrationEntry,
  PTE_KIND,
  pteFrame,
  pteKind,
  pteMapsFrame,
  ptePresent,
  pteWritable,
} from '../../shared/mm/pte.ts'
import { isInvalidating } from '../../shared/notifier/subscriptions.ts'

const KINDS: Readonly<Record<number, (frame: number) => string>> = {
  [PTE_KIND.swap]: (slot) => `in swap slot ${slot}`,
  [PTE_KIND.migration]: (frame) => `frame ${frame}, on the move`,
  [PTE_KIND.devicePrivate]: (frame) => `in device memory, frame ${frame}`,
  [PTE_KIND.deviceExclusive]: (frame) => `frame ${frame}, a device's alone`,
  [PTE_KIND.protNone]: (frame) => `frame ${frame}, no access`,
  [PTE_KIND.poisoned]: () => 'lost',
}

/** An entry of the CPU's page table. */
export function cpuEntryInWords(entry: number): string {
  if (entry === 0) return 'none'
  if (ptePresent(entry)) return `frame ${pteFrame(entry)}, ${pteWritable(entry) ? 'rw' : 'r'}`
  return KINDS[pteKind(entry)]?.(pteFrame(entry)) ?? `not present (${entry >>> 0})`
}

/** The invalidation sequence of an address space. */
export function sequenceInWords(sequence: number): string {
  return `${sequence} (${isInvalidating(sequence) ? 'odd: an invalidation is running' : 'even: no invalidation is running'})`
}

/** The sequence of a subscription, beside that of its address space: a reader waits while they are the same. */
export function subscriptionInWords(sequence: number, now: number): string {
  if (!isInvalidating(now)) return `${sequence} (no invalidation is running)`
  return `${sequence} (${sequence === now ? 'hit by the invalidation that is running: who reads waits' : 'not hit by the invalidation that is running'})`
}

/**
 * Why a device's entry must not be there beside what the CPU's page table says of the page, or null. A device may have less than
 * the CPU has, never more: invalidations reach it before the CPU's entry changes. But of a page in its own memory, which is on its
 * way, it is told nothing: it moves that page itself, and drops its entry in time. `running`: an invalidation is.
 */
export function staleness(deviceEntry: number, cpuEntry: number, running: boolean): string | null {
  const pte = deviceEntry as MirrorPte
  if (!mirrorValid(pte)) return null
  if ((pte & MIRROR_VALID_DEV) !== 0 && (cpuEntry === 0 ? running : isMigrationEntry(cpuEntry))) return null
  if (cpuEntry === 0) return 'the CPU page table has no entry'
  if (!pteMapsFrame(cpuEntry) && !isExclusive(cpuEntry)) return `the CPU page table says: ${cpuEntryInWords(cpuEntry)}`
  const byFrame = (pte & MIRROR_VALID_DMA) === 0
  if (byFrame && mirrorPteFrame(pte) !== pteFrame(cpuEntry)) return `the CPU page table names frame ${pteFrame(cpuEntry)}`
  if (mirrorWritable(pte) && ptePresent(cpuEntry) && !pteWritable(cpuEntry)) return 'the device may write, the CPU may only read'
  return null
}
