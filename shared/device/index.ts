/**
 * `hmm-runtime/driver`: all that a driver needs, and all that the built-in families use.
 */

export type { Frame } from '../frame/frames.ts'
export type { DmaPage } from '../frame/iommu.ts'
export { LINUX_FORMAT, type PfnFormat } from '../hmm/encoding.ts'
export {
  etypeName,
  HMM_COPY_FROM_DEVICE,
  HMM_COPY_TO_DEVICE,
  HMM_DEVICE_READ_FAULT,
  HMM_DEVICE_WRITE_FAULT,
  HMM_FORK,
  HMM_MIGRATE,
  HMM_MUNMAP,
  HMM_NONE,
  HMM_WRITE_PROTECT,
  type HmmEvent,
  isDeviceFault,
} from '../hmm/event.ts'
export { HMM_RANGE_DEFAULT_TIMEOUT } from '../hmm/hmmrange.ts'
export { type Migration, SELECT_DEVICE_PRIVATE, SELECT_SYSTEM } from '../hmm/migratevma.ts'
export type { Mirror } from '../hmm/mirror.ts'
export type { FaultEvent } from '../hmm/mirrorfault.ts'
export * from '../hmm/mirrorpte.ts'
export type { OldSpan } from '../hmm/oldnames.ts'
export {
  hmmDeviceEntryFromPage,
  hmmDeviceEntryFromPfn,
  hmmDeviceEntryToPage,
  hmmDeviceEntryToPfn,
  hmmPfnFromPage,
  hmmPfnFromPfn,
  hmmPfnToPage,
  hmmPfnToPfn,
  NO_PFN,
  rangePfns,
} from '../hmm/pfn.ts'
export { type Range, rangePfnAt } from '../hmm/range.ts'
export * from '../memory/errno.ts'
export type { WordAt } from '../memory/words.ts'
export type { GupRange } from '../mm/guprange.ts'
export { LAST_VPN, type Vma } from '../mm/vma.ts'
export { eventName, NOTIFY, type NotifyEvent } from '../notifier/events.ts'
export type { Mm } from '../notifier/mmhead.ts'
export type { NotifierRange } from '../notifier/windows.ts'
export { get, put } from '../seam/plain.ts'
export { userLockClass } from '../sync/classes.ts'
export { mutexLock, mutexUnlock } from '../sync/mutex.ts'
export { DeviceContext } from './context.ts'
export { type DeviceFault, type Driver, defineDriver, type IoctlRequest, type IoctlResult, type WorkItem } from './contract.ts'
export type { Copy } from './copyqueue.ts'
export type { DmaContext } from './dmacontext.ts'
export type { DriverRecords } from './driverrecords.ts'
export { DEVICE_ACCESS } from './faultbuffer.ts'
export type { HmmRanges } from './hmmranges.ts'
export type { DeviceJobs, Fence, Job } from './jobs.ts'
export { type Area, type DeviceMemory, PLACE, type Place } from './memory.ts'
export type { Pass, PassTokens } from './passtokens.ts'
export type { RangeContext } from './rangecontext.ts'
