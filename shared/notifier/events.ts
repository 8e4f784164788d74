/**
 * Why a range is invalidated (enum mmu_notifier_event, Linux 5.5 to 7.x). A subscriber may use the reason to do less;
 * one that treats every event alike is always right.
 */
export const NOTIFY = {
  /** munmap, the source of an mremap, exit: the addresses go away. */
  unmap: 0,
  /** Entries are cleared or replaced: zap, COW, migration, swap, split, collapse. */
  clear: 1,
  /** Permissions changed for a VMA: mprotect. */
  protectionVma: 2,
  /** Pages are write-protected one by one: fork, page cleaning. */
  protectionPage: 3,
  /** Soft-dirty bits are cleared: a write-protect pass over the whole mm. */
  softDirty: 4,
  /** The mm exits. Interval subscribers only; a full unmap follows. */
  release: 5,
  /** migrate_vma; `owner` is the caller's cookie. */
  migrate: 6,
  /** An entry becomes device-exclusive; `owner` is the caller's cookie. */
  exclusive: 7,
} as const
/** Owner of a PROTECTION_PAGE that is page cleaning, and not fork: the one reason is given for both. */
export const PAGE_CLEANING = -1
/** Name of a reason for an invalidation (kernel: enum mmu_notifier_event). */
export type NotifyEvent = keyof typeof NOTIFY
const NAMES = Object.keys(NOTIFY) as NotifyEvent[]

/** The name of a NOTIFY value. */
export function eventName(event: number): string {
  return NAMES[event] ?? `event ${event}`
}
