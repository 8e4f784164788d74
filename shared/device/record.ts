/**
 * Device records: what hardware and driver of one device share.
 *
 *   word   0 .. 15       16 ........... 47      48 ..... 63   64 ..... 79     80 ......... 143   144 ...... 655   656 ... 927   then
 *        +-------------+----------------------+-------------+---------------+------------------+----------------+-------------+-------+
 *        | geometry    | LOCK, INSTANCES[16], | FLUSH_GEN   | REPLAY, STAMP | driver's words   | 64 contexts    | copy engine | rings |
 *        |             | MIRRORS, GONE, ...   |             |               |                  |                |             |       |
 *        +-------------+----------------------+-------------+---------------+------------------+----------------+-------------+-------+
 *
 *   geometry    immutable: driver index, engine actor, service actor, zone of its memory, ring addresses.
 *   INSTANCES   mirrors by instance number. Written under LOCK (spin, class `device`); the engine reads them, INSIDE, by
 *               atomic loads. LOCK also makes "find the mirror and take a reference" one step.
 *   MIRRORS, GONE  mirrors that there are; 1 while the device is unregistered (device/registration.ts). Under LOCK.
 *               Behind them USE_LIST: the frames of its memory in the order of their use, 0 while it has none (device/uselist.ts).
 *   FLUSH_GEN   bumped by every device TLB flush. Behind it FLUSHES: flushes begun and not ended (device/devicetlb.ts). Atomic.
 *               Then FENCES, the wait queue of who waits for a job, and FAILED: jobs that ended with an error (device/jobs.ts).
 *   REPLAY      bumped when the service has handled faults: the engine's waiting accesses try again. Atomic.
 *   STAMP       faults the engine has raised: their age. Private to the engine.
 *   contexts    accesses in flight (device/contexts.ts). Copy engine: device/copyqueue.ts.
 *   driver's    words of the driver for the device as a whole; guarded by whatever rule the driver states.
 */

import { createIommu, type Iommu, iommuWords } from '../frame/iommu.ts'
import { zoneFrames } from '../frame/zones.ts'
import { type Mirror, mirrorGetUnlessGone, mirrorMm, NO_MIRROR } from '../hmm/mirror.ts'
import { regionAt, regionWords } from '../memory/regions.ts'
import type { WordAt } from '../memory/words.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { DEVICE } from '../sync/classes.ts'
import { createRing, type Ring, ringWords } from '../sync/ring.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { WAIT_QUEUE_WORDS } from '../sync/waitqueue.ts'

const DRIVER_INDEX = 0
const ENGINE = 1
const SERVICE = 2
const ZONE = 3
const FAULT_RING = 4
const COMMAND_RING = 5
const WORK_RING = 6
const LOCK = 16
const INSTANCES = 17
export const MAX_INSTANCES = 16
const MIRRORS = INSTANCES + MAX_INSTANCES
const GONE = MIRRORS + 1
const USE_LIST = GONE + 1
const FLUSH_GEN = 48
const FLUSHES = 49
const FENCES = 50
const FAILED = FENCES + WAIT_QUEUE_WORDS
const REPLAY = 64
const STAMP = 65
const DRIVER_WORDS_AT = 80
/** Words of its own that a driver has per device. */
export const DEVICE_DRIVER_WORDS = 64
const CONTEXTS_AT = DRIVER_WORDS_AT + DEVICE_DRIVER_WORDS
/** Accesses an engine has in flight at once: one fault of each can wait in the fault buffer. */
export const CONTEXTS = 64
export const CONTEXT_WORDS = 8
/** Copies of one batch, and words of each (device/copyqueue.ts). */
export const COPIES = 64
export const COPY_WORDS = 4
const COPIES_AT = CONTEXTS_AT + CONTEXTS * CONTEXT_WORDS
const RINGS_AT = COPIES_AT + 16 + COPIES * COPY_WORDS

/** Fault buffer: 64 entries, as small GPUs have per context group; a fault that finds it full is raised again after a replay. */
export const FAULT_SLOTS = 64
export const FAULT_WORDS = 8
export const COMMAND_SLOTS = 64
export const COMMAND_WORDS = 16
export const WORK_SLOTS = 64
export const WORK_WORDS = 8

const FAULT_RING_WORDS = ringWords(FAULT_SLOTS, FAULT_WORDS)
const COMMAND_RING_WORDS = ringWords(COMMAND_SLOTS, COMMAND_WORDS)
export const DEVICE_WORDS = RINGS_AT + FAULT_RING_WORDS + COMMAND_RING_WORDS + ringWords(WORK_SLOTS, WORK_WORDS)
/** Engine of a device that has no hardware beyond what its driver does by ioctl. */
export const NO_ENGINE = -1
/** Devices of one machine. */
export const MAX_DEVICES = 8

/** A device's record; its number is what people and mirrors call it. */
export type DeviceAt = WordAt & { readonly brand: 'device' }

export function deviceAt(task: Task, device: number): DeviceAt {
  return (regionAt(task.words, 'devices') + device * DEVICE_WORDS) as DeviceAt
}

/** Devices that the machine has. */
export function deviceCount(task: Task): number {
  return regionWords(task.words, 'devices') / DEVICE_WORDS
}

/** Makes device `device`. Once, by the booting thread. */
export function createDevice(
  task: Task,
  device: number,
  options: { driver: number; engine: number; service: number; zone: number; ioPages: number },
): void {
  const at = deviceAt(task, device)
  task.words.fill(0, at, at + DEVICE_WORDS)
  task.words[at + DRIVER_INDEX] = options.driver
  task.words[at + ENGINE] = options.engine
  task.words[at + SERVICE] = options.service
  task.words[at + ZONE] = options.zone
  createIommu(task, iommuAt(task, device, options.ioPages), options.ioPages)
  let ring = at + RINGS_AT
  task.words[at + FAULT_RING] = createRing(task, ring, { slots: FAULT_SLOTS, slotWords: FAULT_WORDS, consumer: options.service })
  ring += FAULT_RING_WORDS
  task.words[at + COMMAND_RING] = createRing(task, ring, {
    slots: COMMAND_SLOTS,
    slotWords: COMMAND_WORDS,
    consumer: options.engine,
  })
  ring += COMMAND_RING_WORDS
  task.words[at + WORK_RING] = createRing(task, ring, { slots: WORK_SLOTS, slotWords: WORK_WORDS, consumer: options.service })
}

/** Index under which every worker registered the device's driver. */
export function deviceDriver(task: Task, device: number): number {
  return get(task, deviceAt(task, device) + DRIVER_INDEX)
}

/** The device's engine, or NO_ENGINE. */
export function deviceEngine(task: Task, device: number): number {
  return get(task, deviceAt(task, device) + ENGINE)
}

export function deviceService(task: Task, device: number): number {
  return get(task, deviceAt(task, device) + SERVICE)
}

/** Zone of the device's own frames: device number + 1; empty if it has no memory. */
export function deviceZone(task: Task, device: number): number {
  return get(task, deviceAt(task, device) + ZONE)
}

/** Has the device memory of its own? */
export function deviceHasMemory(task: Task, device: number): boolean {
  return zoneFrames(task, deviceZone(task, device)).count > 0
}

/** First word of the device's copy engine. */
export function copyQueueAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + COPIES_AT
}

export function faultRing(task: Task, device: number): Ring {
  return get(task, deviceAt(task, device) + FAULT_RING) as Ring
}

export function commandRing(task: Task, device: number): Ring {
  return get(task, deviceAt(task, device) + COMMAND_RING) as Ring
}

export function workRing(task: Task, device: number): Ring {
  return get(task, deviceAt(task, device) + WORK_RING) as Ring
}

export function flushGenerationAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + FLUSH_GEN
}

export function flushesBegunAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + FLUSHES
}

/** Queue of the actors that wait for a fence of this device. */
export function fenceQueueAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + FENCES
}

/** Word that counts the device's jobs that ended with an error. */
export function failedJobsAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + FAILED
}

export function replayAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + REPLAY
}

/** The table by which the device reaches memory, if it does so by I/O page numbers. */
export function deviceIommu(task: Task, device: number): Iommu {
  return iommuAt(task, device, regionWords(task.words, 'iommus') / deviceCount(task) - iommuWords(0))
}

/** The tables lie side by side in a region of their own: they are as large as the machine. */
function iommuAt(task: Task, device: number, pages: number): Iommu {
  return (regionAt(task.words, 'iommus') + device * iommuWords(pages)) as Iommu
}

export function contextAt(task: Task, device: number, context: number): WordAt {
  return deviceAt(task, device) + CONTEXTS_AT + context * CONTEXT_WORDS
}

export function stampAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + STAMP
}

/** Word `index` of the driver's own words of this device. */
export function deviceWord(task: Task, device: number, index: number): WordAt {
  assert(index >= 0 && index < DEVICE_DRIVER_WORDS, `a driver has ${DEVICE_DRIVER_WORDS} words per device`)
  return deviceAt(task, device) + DRIVER_WORDS_AT + index
}

/** The mirror of instance `instance`, or NO_MIRROR. Engine only, INSIDE: detaching waits for it. */
export function instanceMirror(task: Task, device: number, instance: number): Mirror {
  return atomicLoad(task, deviceAt(task, device) + INSTANCES + instance) as Mirror
}

/** A free instance number, reserved for nobody yet, or -1. Caller registers under the same device lock. */
export function setInstance(task: Task, device: number, instance: number, mirror: Mirror): void {
  atomicStore(task, deviceAt(task, device) + INSTANCES + instance, mirror)
}

export function freeInstance(task: Task, device: number): number {
  for (let i = 0; i < MAX_INSTANCES; i++) if (instanceMirror(task, device, i) === NO_MIRROR) return i
  return -1
}

/** Word that counts the device's mirrors. Under its lock. */
export function deviceMirrorsAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + MIRRORS
}

/** Word that is 1 while the device is unregistered. Under its lock. */
export function deviceGoneAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + GONE
}

/** Word that names the list of the device's frames in the order of their use (device/uselist.ts). */
export function useListAt(task: Task, device: number): WordAt {
  return deviceAt(task, device) + USE_LIST
}

export function lockDevice(task: Task, device: number): void {
  spinLock(task, deviceAt(task, device) + LOCK, DEVICE)
}

export function unlockDevice(task: Task, device: number): void {
  spinUnlock(task, deviceAt(task, device) + LOCK)
}

/** The mirror of instance `instance` with a reference for the caller, or NO_MIRROR. Takes and drops the device's lock. */
export function getInstance(task: Task, device: number, instance: number): Mirror {
  lockDevice(task, device)
  const mirror = instanceMirror(task, device, instance)
  const found = mirror !== NO_MIRROR && mirrorGetUnlessGone(task, mirror) ? mirror : NO_MIRROR
  unlockDevice(task, device)
  return found
}

/** The device's mirror of `mm` with a reference for the caller, or NO_MIRROR. Takes and drops the device's lock. */
export function getMirrorOf(task: Task, device: number, mm: Mm): Mirror {
  lockDevice(task, device)
  let found = NO_MIRROR
  for (let i = 0; i < MAX_INSTANCES && found === NO_MIRROR; i++) {
    const mirror = instanceMirror(task, device, i)
    if (mirror !== NO_MIRROR && mirrorMm(task, mirror) === mm && mirrorGetUnlessGone(task, mirror)) found = mirror
  }
  unlockDevice(task, device)
  return found
}
