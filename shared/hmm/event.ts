/**
 * Events (struct hmm_event, 2016): one change of an address space, or one fault of a device, as a driver hears of it. An event
 * has an intent (its type) and, for convenience, what becomes of an entry: new entry = old entry AND mask.
 *
 *   type                     mask            what update() must do                       what HMM does to its table afterwards
 *   HMM_FORK                 all but WRITE   as HMM_WRITE_PROTECT                        takes WRITE and DIRTY
 *   HMM_WRITE_PROTECT        all but WRITE   stop writes, flush                          takes WRITE and DIRTY
 *   HMM_MIGRATE              0               drop access, flush; keep own directories    clears entries, takes DIRTY
 *   HMM_MUNMAP               0               drop access, flush; directories may go      clears entries, takes DIRTY
 *   HMM_DEVICE_READ_FAULT    all             program the device from the entries         nothing
 *   HMM_DEVICE_WRITE_FAULT   all             the same; entries have WRITE                nothing
 *   HMM_COPY_TO_DEVICE       all             as a fault: pages are in the device's memory now        nothing
 *   HMM_COPY_FROM_DEVICE     all             not called: copyFromDevice() is (hmm/copydevice.ts)     nothing
 *
 * The numbers are those of the posting (v12); the two faults have the names that its review asked for.
 */
import { EINVAL } from '../memory/errno.ts'
import { LAST_VPN } from '../mm/vma.ts'
import { MIRROR_WRITE } from './mirrorpte.ts'

/** No event. */
export const HMM_NONE = 0
/** Fork: the device stops writing. */
export const HMM_FORK = 1
/** Pages move, or their entries change in a way that has no name of its own: drop access. */
export const HMM_MIGRATE = 2
/** Pages are unmapped: drop access, and forget what is known about them. */
export const HMM_MUNMAP = 3
/** The device faulted reading; its review of 2016 gave it this name. */
export const HMM_DEVICE_READ_FAULT = 4
/** The device faulted writing. */
export const HMM_DEVICE_WRITE_FAULT = 5
/** Pages become read-only, or are cleaned: stop writes. */
export const HMM_WRITE_PROTECT = 6
/** Pages go home from the memory of the device. */
export const HMM_COPY_FROM_DEVICE = 7
/** Pages go to the memory of the device: a special device fault. */
export const HMM_COPY_TO_DEVICE = 8

/** First page that no address space has: where every event ends at the latest (struct hmm, vm_end). */
export const VM_END = LAST_VPN + 1

const ALL = -1
const PTE_MASKS: Readonly<Record<number, number>> = {
  [HMM_FORK]: ~MIRROR_WRITE,
  [HMM_MIGRATE]: 0,
  [HMM_MUNMAP]: 0,
  [HMM_DEVICE_READ_FAULT]: ALL,
  [HMM_DEVICE_WRITE_FAULT]: ALL,
  [HMM_WRITE_PROTECT]: ~MIRROR_WRITE,
  [HMM_COPY_FROM_DEVICE]: ALL,
  [HMM_COPY_TO_DEVICE]: ALL,
}

const NAMES = [
  'HMM_NONE',
  'HMM_FORK',
  'HMM_MIGRATE',
  'HMM_MUNMAP',
  'HMM_DEVICE_READ_FAULT',
  'HMM_DEVICE_WRITE_FAULT',
  'HMM_WRITE_PROTECT',
  'HMM_COPY_FROM_DEVICE',
  'HMM_COPY_TO_DEVICE',
] as const

/** What a driver's update() is told. Pages, not bytes: nothing has to be rounded. */
export interface HmmEvent {
  /** One of the HMM_ types. */
  readonly etype: number
  /** First page. */
  readonly start: number
  /** First page behind it. */
  readonly end: number
  /** What stays of an entry. */
  readonly pteMask: number
  /** False: update() must not sleep; it takes its lock by a try, and returns -EAGAIN if that fails (an addition to 2016). */
  readonly blockable: boolean
}

/** The event of type `etype` over pages [start, min(end, VM_END)); -EINVAL if that is empty, or the type unknown. */
export function hmmEventInit(start: number, end: number, etype: number, blockable = true): HmmEvent | number {
  const pteMask = PTE_MASKS[etype]
  const last = Math.min(end, VM_END)
  if (pteMask === undefined || !Number.isInteger(start) || !Number.isInteger(last) || start < 0 || start >= last) return -EINVAL
  return { etype, start, end: last, pteMask, blockable }
}

/** Is it a fault of a device, moving pages to it included, and not a change of the address space? Then update() publishes. */
export function isDeviceFault(etype: number): boolean {
  return etype === HMM_DEVICE_READ_FAULT || etype === HMM_DEVICE_WRITE_FAULT || etype === HMM_COPY_TO_DEVICE
}

/** Do two events concern a page in common? Neighbours do not. */
export function eventsOverlap(a: Pick<HmmEvent, 'start' | 'end'>, b: Pick<HmmEvent, 'start' | 'end'>): boolean {
  return !(a.end <= b.start || a.start >= b.end)
}

/** The name of an HMM_ type, as the kernel series has it. */
export function etypeName(etype: number): string {
  return NAMES[etype] ?? `event type ${etype}`
}
