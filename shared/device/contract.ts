/**
 * The driver contract: what a driver module exports, and what it may rely on. The built-in families keep to it as well; they
 * have no other way in.
 *
 * A driver is loaded by URL in every worker that may call it: each cpu actor (attach, ioctl), each dispatcher (invalidate),
 * each service (faults, work). Its functions run on different threads at the same time, so its state lives in shared words
 * (`dev.word(i)`, `dev.mirrorWord(mirror, i)`), never in module variables.
 *
 *   call            runs on                       may                                     must not
 *   attach          the cpu actor that opens it   sleep, allocate, take its locks
 *   detach          the cpu actor that closes it, sleep, free                             wait for a service
 *                   or the device's service
 *   close           the cpu actor that closes it  take the update lock, wait for the        allocate, fault, wait for a service
 *                                                 engine
 *   ioctl           the calling cpu actor         sleep, fault (rangeFault), take locks
 *   invalidate      a dispatcher, or inline on    take the update lock (trylock if the      allocate, fault, take mmap_sem,
 *                   whoever changes the page      range is not blockable), wait for the     wait for a service, readBegin
 *                   table                         engine's TLB acknowledgement
 *   release         whoever's exit it is          sleep, take the update lock               as invalidate, detach
 *   serviceFault    the device's service          sleep, fault, take locks, retry
 *   work            the device's service          as serviceFault
 *   update          as invalidate, or inside      take the update lock, wait for the         allocate, fault, take mmap_sem,
 *                   dev.mirrorFault               engine's TLB acknowledgement               wait for a service
 *   migrateToRam    whoever touched the page      sleep, allocate, take the update lock    take mmap_sem
 *
 *   invalidateStart as invalidate                 as invalidate, but begin a flush,       as invalidate; keep a lock
 *                                                 not wait for it
 *   invalidateFinish as invalidate, later         wait for the engine, take the update    allocate; take for granted what the
 *                                                 lock for what had to wait for it        first pass found
 * update and release are for machines of era events (docs/events.md), where invalidate is not called.
 *
 * invalidate, in this order, whatever the event: take the update lock; setSeq; take the rights away from the range
 * (dev.unmap or dev.writeProtect, which flush the device's TLB); unlock; return true. When it returns the device no longer
 * uses the range. It may return false only if the range is not blockable, because the lock was not to be had or because
 * what it does may sleep; then nothing of the above was done.
 *
 * In era two-pass a driver with the pair invalidateStart and invalidateFinish is called by it instead: the first pass of all
 * subscribers comes before the second of any, so what takes long runs at the same time on all devices. Several invalidations may be
 * between their passes at once, on the same mirror too: what they have to remember is in the token.
 */
import type { Frame } from '../frame/frames.ts'
import type { HmmEvent } from '../hmm/event.ts'
import type { Mirror } from '../hmm/mirror.ts'
import type { Vma } from '../mm/vma.ts'
import type { NotifierRange } from '../notifier/windows.ts'
import type { DeviceContext } from './context.ts'

/** A fault as the hardware reports it. */
export interface DeviceFault {
  /** Page number. */
  readonly vpn: number
  /** A DEVICE_ACCESS value: prefetch, read, write or atomic. */
  readonly access: number
  /** The engine's own count when it raised the fault: smaller is older. */
  readonly stamp: number
}

/** A request to a driver's ioctl. What the fields mean is the driver's business; those of the test device are in its file. */
export interface IoctlRequest {
  readonly cmd: string
  /** First page number. */
  readonly start: number
  readonly pages: number
  /** 64-bit value, as two words. */
  readonly low?: number
  readonly high?: number
}

/** What an ioctl answers. `errno` is 0 or negative; the counts are reported on failure too. */
export interface IoctlResult {
  readonly errno: number
  readonly cpages: number
  readonly faults: number
  /** 64-bit values, low word then high word for each page. */
  readonly values?: readonly number[]
  /** One permission symbol per page. */
  readonly perms?: readonly string[]
}

/**
 * What a driver module exports. Pages are numbers of 4 KiB pages, spans inclusive unless it says so; errors are negative
 * errnos.
 */
export interface Driver {
  /** Family name, as it appears in reports and after `device D` in scenarios. */
  readonly name: string
  /**
   * Era events: the device reaches memory by addresses of its bus (hmm_device.dev). HMM then maps what it fills, the mirror's entries are
   * DMA entries (hmmPteDmaAddr), and HMM unmaps them when an event takes them away, after update(). In the other eras a driver maps
   * with dev.dma.
   */
  readonly behindIommu?: boolean
  /** Called once per (device, address space), after the subscription is there. 0, or a negative errno to refuse. */
  attach?(dev: DeviceContext, mirror: Mirror): number
  /** Called last for a mirror: nothing is mapped, and no callback, fault or ioctl on it runs any more. */
  detach?(dev: DeviceContext, mirror: Mirror): void
  /**
   * The device is being closed for this address space: its hardware does not see the mirror any more, nothing more is installed, and
   * changes are still announced. Here ends what needs that: what was mapped for DMA, with what the device wrote. detach follows.
   */
  close?(dev: DeviceContext, mirror: Mirror): void
  /** Takes the range away from the device. See the rules above. */
  invalidate(dev: DeviceContext, mirror: Mirror, range: NotifierRange, seq: number): boolean
  /**
   * First pass (era two-pass): as invalidate, up to where it would wait. 0: everything is done. A positive token: the device is out
   * when invalidateFinish has returned for it. -EAGAIN: refused, where invalidate may return false.
   */
  invalidateStart?(dev: DeviceContext, mirror: Mirror, range: NotifierRange, seq: number): number
  /** Second pass: ends what the first pass with this token began. Called once for each, in the order they were handed out. */
  invalidateFinish?(dev: DeviceContext, token: number): void
  /**
   * Era events: a change of the address space, or the fault that dev.mirrorFault was asked for. On return the device's tables and
   * TLB agree with the event. 0, -ENOMEM or -EIO; with an error the mirror ends: HMM_MUNMAP over everything, then release. -EAGAIN
   * only if the event is not blockable and the lock was not to be had.
   */
  update?(dev: DeviceContext, mirror: Mirror, event: HmmEvent): number
  /**
   * Era events: moves of pages, one frame for each page of the event. Copies frame src[i] to a frame of the device's memory
   * (dev.memory.allocPage), which it writes to dst[i]; -1 in src: does not move; in dst: left where it is. 0, -ENOMEM or -EIO.
   */
  copyToDevice?(dev: DeviceContext, mirror: Mirror, event: HmmEvent, src: Int32Array, dst: Int32Array): number
  /**
   * Era events: the way home. dst[i] is a frame of system memory; -1 written there: that page is lost. `mirror` is 0 when a process
   * touches a page that it shares since a fork, and has no mirror. 0, -ENOMEM or -EIO: the page is lost, and the mirror ends.
   */
  copyFromDevice?(dev: DeviceContext, mirror: Mirror | 0, event: HmmEvent, src: Int32Array, dst: Int32Array): number
  /** Eras range-valid and events: the mirror ends, for whatever reason; called once, before detach. Nothing of it may be used afterwards. */
  release?(dev: DeviceContext, mirror: Mirror): void
  /**
   * Serves one fault. 0: replay, the access is tried again. Negative errno: the command ends with it. Positive: nothing was done, and
   * the page is best left alone for that many ns; with nothing else to serve, the replay comes only then.
   */
  serviceFault?(dev: DeviceContext, mirror: Mirror, fault: DeviceFault): number
  /**
   * A CPU touched page `vpn` of `vma`, which is in this device's memory, in `frame`: bring it to system memory, with a migration
   * whose faultFrame is `frame`. 0, also when it could not be moved this time; -EFAULT to fail the access (SIGBUS); -ENOMEM.
   * Runs on whoever touched it, with mmap_sem held for reading and the frame locked.
   */
  migrateToRam?(dev: DeviceContext, vma: Vma, vpn: number, frame: Frame): number
  /**
   * What is wrong with a policy that the machine is booted with for this device (dev.policy), as one clause; null: nothing. A driver
   * without it takes none, and is not booted with one.
   */
  policyProblem?(policy: unknown): string | null
  /** An item that the driver queued with dev.queueWork. */
  work?(dev: DeviceContext, item: WorkItem): void
  /** A command from user space. `mirror` is the caller's; it is attached before the first command. */
  ioctl?(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult
}

/** Queued work: a number of the driver's choosing and up to six words. */
export interface WorkItem {
  readonly kind: number
  readonly args: readonly number[]
}

/** Declares a driver; the module exports the result as its default. Only types are checked here. */
export function defineDriver(driver: Driver): Driver {
  return driver
}
