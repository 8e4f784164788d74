/**
 * Buffers: spans of user memory that a device which does not fault is told to work on. What userptr and pinned have in common: a list for
 * each mirror, the lock of the ioctls, and jobs with their fences.
 *
 *   mirror's words   0 FIRST · 1 IOCTL lock · 2 CLOSED
 *   buffer, one record
 *   word   0      1       2      3       4       5         6      7     8
 *        +------+-------+------+-------+-------+---------+------+-----+-------+
 *        | NEXT | START | LAST | WRITE | FENCE | HAS_JOB | KEPT | MAP | BOUND |
 *        +------+-------+------+-------+-------+---------+------+-----+-------+
 *
 *   IOCTL    mutex, outermost: one command of a mirror at a time. Callbacks never take it.
 *   FIRST, NEXT       changed with both locks, read with either.
 *   START, LAST, WRITE, KEPT, MAP   immutable once it is listed. KEPT: a range (userptr). MAP: pins and pages of the bus (pinned).
 *   FENCE, HAS_JOB    the last job, if there was one. Under the update lock.
 *   BOUND    userptr: 1 while the mirror has its entries. Set under both locks, cleared under the update lock.
 *   CLOSED   0 -> 1: nothing more is submitted. Under the update lock.
 */
import {
  type DeviceContext,
  EBUSY,
  EINVAL,
  ENODEV,
  ENOENT,
  ENOMEM,
  EPERM,
  type Fence,
  get,
  type IoctlRequest,
  type IoctlResult,
  type Mirror,
  mutexLock,
  mutexUnlock,
  put,
  userLockClass,
  type WordAt,
} from '../../device/index.ts'

export type Buffer = WordAt & { readonly brand: 'buffer' }
export const NO_BUFFER = 0 as Buffer

const FIRST = 0
const IOCTL = 1
const CLOSED = 2

const NEXT = 0
const START = 1
const LAST = 2
const WRITE = 3
const FENCE = 4
const HAS_JOB = 5
const KEPT = 6
const MAP = 7
const BOUND = 8

/** Right to write, in `low` of bind. */
const ACCESS_WRITE = 2
/** Most pages of a buffer. */
export const MAX_BUFFER_PAGES = 64
const IOCTL_LOCK = userLockClass(56, 'ioctls of a buffer device', 'sleep')

/** What a family does its own way. Each is called with the IOCTL lock held. */
export interface BufferFamily {
  /** Makes pages [start, last] ready, with what KEPT or MAP shall be in `buffer`. 0 or a negative errno. */
  bind(dev: DeviceContext, mirror: Mirror, buffer: Buffer): number
  /** The other way round. Jobs on it are done; it is off the list. */
  unbind(dev: DeviceContext, mirror: Mirror, buffer: Buffer): void
  /** Submits under the update lock, if the pages are good for it: 0, -EAGAIN to be asked again, another negative errno. */
  submit(dev: DeviceContext, mirror: Mirror, buffer: Buffer, request: IoctlRequest): number
}

/**
 * The commands of both families. `bind`: low 1 to read, 3 to write as well. `unbind`: the buffer with just these pages. `submit`: a job that adds low to
 * word `high` of each page, or with `submit_write` replaces the pages; it lies within one buffer.
 *
 *   -EINVAL   no pages, too many, another command     -EBUSY   overlaps a buffer     -ENOENT   no buffer
 *   -EPERM    a buffer for reading                    -ENODEV  being closed          -EAGAIN   submit: ask again
 *   -ENOMEM   for the buffer
 *   and what the pages are refused with
 */
export function runBufferCommand(dev: DeviceContext, mirror: Mirror, request: IoctlRequest, family: BufferFamily): IoctlResult {
  const { start, pages } = request
  if (pages <= 0 || pages > MAX_BUFFER_PAGES || start < 0) return answer(-EINVAL)
  const lock = dev.mirrorWord(mirror, IOCTL)
  mutexLock(dev.task, lock, IOCTL_LOCK)
  const errno = command(dev, mirror, request, family)
  mutexUnlock(dev.task, lock)
  return answer(errno, errno === 0 ? pages : 0)
}

function answer(errno: number, cpages = 0): IoctlResult {
  return { errno, cpages, faults: 0 }
}

function command(dev: DeviceContext, mirror: Mirror, request: IoctlRequest, family: BufferFamily): number {
  const { cmd, start, pages } = request
  const last = start + pages - 1
  const buffer = findBuffer(dev, mirror, start, last)
  if (cmd === 'bind') return buffer !== NO_BUFFER ? -EBUSY : bind(dev, mirror, request, family)
  if (cmd === 'unbind') {
    const whole = buffer !== NO_BUFFER && bufferStart(dev, buffer) === start && bufferLast(dev, buffer) === last
    return whole ? unbind(dev, mirror, buffer, family) : -ENOENT
  }
  if (cmd !== 'submit' && cmd !== 'submit_write') return -EINVAL
  if (buffer === NO_BUFFER || bufferStart(dev, buffer) > start || bufferLast(dev, buffer) < last) return -ENOENT
  return bufferMayWrite(dev, buffer) ? family.submit(dev, mirror, buffer, request) : -EPERM
}

function bind(dev: DeviceContext, mirror: Mirror, { start, pages, low = 0 }: IoctlRequest, family: BufferFamily): number {
  const buffer = dev.records.alloc() as Buffer
  if (buffer === NO_BUFFER) return -ENOMEM
  put(dev.task, buffer + START, start)
  put(dev.task, buffer + LAST, start + pages - 1)
  put(dev.task, buffer + WRITE, low & ACCESS_WRITE)
  const refused = family.bind(dev, mirror, buffer)
  if (refused !== 0) {
    dev.records.free(buffer)
    return refused
  }
  dev.lock(mirror)
  put(dev.task, buffer + NEXT, get(dev.task, dev.mirrorWord(mirror, FIRST)))
  put(dev.task, dev.mirrorWord(mirror, FIRST), buffer)
  dev.unlock(mirror)
  return 0
}

function unbind(dev: DeviceContext, mirror: Mirror, buffer: Buffer, family: BufferFamily): number {
  dev.lock(mirror)
  awaitJobs(dev, buffer)
  let link = dev.mirrorWord(mirror, FIRST)
  while (get(dev.task, link) !== buffer) link = get(dev.task, link) + NEXT
  put(dev.task, link, get(dev.task, buffer + NEXT))
  dev.unlock(mirror)
  family.unbind(dev, mirror, buffer)
  dev.records.free(buffer)
  return 0
}

/** Hands a job to the engine and remembers its fence. 0; -ENODEV when the device is being closed. Update lock held, pages valid. */
export function pushJob(dev: DeviceContext, mirror: Mirror, buffer: Buffer, request: IoctlRequest): number {
  if (dev.load(dev.mirrorWord(mirror, CLOSED)) !== 0) return -ENODEV
  const { cmd, start, pages, low = 0, high = 0 } = request
  const op = cmd === 'submit' ? 'add' : 'write'
  put(dev.task, buffer + FENCE, dev.jobs.submit(mirror, { op, start, pages, value: low, word: high }))
  put(dev.task, buffer + HAS_JOB, 1)
  return 0
}

/** The device is being closed: lets no more jobs in, and returns when those that are in are done. Takes the update lock. */
export function closeBuffers(dev: DeviceContext, mirror: Mirror): void {
  dev.lock(mirror)
  dev.store(dev.mirrorWord(mirror, CLOSED), 1)
  eachBuffer(dev, mirror, (buffer) => awaitJobs(dev, buffer))
  dev.unlock(mirror)
}

/** Ends all buffers of a closed mirror (detach): nobody else knows it. */
export function freeBuffers(dev: DeviceContext, mirror: Mirror, family: BufferFamily): void {
  const first = dev.mirrorWord(mirror, FIRST)
  while (get(dev.task, first) !== NO_BUFFER) unbind(dev, mirror, get(dev.task, first) as Buffer, family)
}

/** Calls `visit` for every buffer. Either lock held. */
export function eachBuffer(dev: DeviceContext, mirror: Mirror, visit: (buffer: Buffer) => void): void {
  const first = get(dev.task, dev.mirrorWord(mirror, FIRST)) as Buffer
  for (let buffer = first; buffer !== NO_BUFFER; buffer = get(dev.task, buffer + NEXT) as Buffer) visit(buffer)
}

/** Calls `visit` for every buffer with a page in [start, last]. Either lock held. */
export function eachBufferIn(
  dev: DeviceContext,
  mirror: Mirror,
  start: number,
  last: number,
  visit: (buffer: Buffer) => void,
): void {
  eachBuffer(dev, mirror, (buffer) => {
    if (bufferStart(dev, buffer) <= last && bufferLast(dev, buffer) >= start) visit(buffer)
  })
}

function findBuffer(dev: DeviceContext, mirror: Mirror, start: number, last: number): Buffer {
  let found = NO_BUFFER
  eachBufferIn(dev, mirror, start, last, (buffer) => {
    found = buffer
  })
  return found
}

/** Returns when the last job on the buffer is done. Update lock held: no other one comes. */
export function awaitJobs(dev: DeviceContext, buffer: Buffer): void {
  if (hasJob(dev, buffer)) dev.jobs.wait(lastFence(dev, buffer))
}

/** Was there a job? Then lastFence is its fence. Update lock held. */
export function hasJob(dev: DeviceContext, buffer: Buffer): boolean {
  return get(dev.task, buffer + HAS_JOB) !== 0
}

export function lastFence(dev: DeviceContext, buffer: Buffer): Fence {
  return get(dev.task, buffer + FENCE) as Fence
}

export function bufferStart(dev: DeviceContext, buffer: Buffer): number {
  return get(dev.task, buffer + START)
}

export function bufferLast(dev: DeviceContext, buffer: Buffer): number {
  return get(dev.task, buffer + LAST)
}

export function bufferPages(dev: DeviceContext, buffer: Buffer): number {
  return bufferLast(dev, buffer) - bufferStart(dev, buffer) + 1
}

export function bufferMayWrite(dev: DeviceContext, buffer: Buffer): boolean {
  return get(dev.task, buffer + WRITE) !== 0
}

/** The family's own two words: what bind made. */
export function keptAt(buffer: Buffer): WordAt {
  return buffer + KEPT
}

export function mapAt(buffer: Buffer): WordAt {
  return buffer + MAP
}

/** Are the buffer's pages in the mirror? Written under the update lock. */
export function isBound(dev: DeviceContext, buffer: Buffer): boolean {
  return dev.load(buffer + BOUND) !== 0
}

export function setBound(dev: DeviceContext, buffer: Buffer, bound: boolean): void {
  dev.store(buffer + BOUND, bound ? 1 : 0)
}
