/**
 * Protocol outcomes. Returned as small negative integers under the kernel's names, never thrown: a refused operation is a
 * result, not an accident. Values are those of Linux on x86-64, so that a reader of kernel code recognises them.
 */

/** Not permitted: a write request on an area without VM_WRITE; a page that carries the exclusive mark. */
export const EPERM = 1
/** Not there: no buffer or region of just these pages; a page that did not move. */
export const ENOENT = 2
/** The process is gone. */
export const ESRCH = 3
/** Killed while it waited. */
export const EINTR = 4
/** A driver of era events failed: its mirror ends. */
export const EIO = 5
/** The device is not open. */
export const EBADF = 9
/** Try again: refused by whoever may not sleep; or, in era range-valid, spoilt by an invalidation. */
export const EAGAIN = 11
/** Memory is out. */
export const ENOMEM = 12
/** Era events: a write fault on a read-only area. odp: a write to a region for reading. */
export const EACCES = 13
/** The page cannot be had: no area, no right to read, or the mirror is dead. */
export const EFAULT = 14
/** Invalidated meanwhile: begin again, from rangeWait on. */
export const EBUSY = 16
/** It overlaps something that is there. */
export const EEXIST = 17
/** Era events: the mirror or its address space is dead. */
export const ENODEV = 19
/** A span that is empty, too large, or not made of whole pages; an argument out of bounds. */
export const EINVAL = 22
/** An interval that is empty or ends behind the last page. */
export const EOVERFLOW = 75
/** Not in this era, or not with this memory. */
export const EOPNOTSUPP = 95
/** The time is over. */
export const ETIME = 62

const NAMES: Readonly<Record<number, string>> = {
  [EPERM]: 'EPERM',
  [ENOENT]: 'ENOENT',
  [ESRCH]: 'ESRCH',
  [EINTR]: 'EINTR',
  [EIO]: 'EIO',
  [EBADF]: 'EBADF',
  [EAGAIN]: 'EAGAIN',
  [ENOMEM]: 'ENOMEM',
  [EACCES]: 'EACCES',
  [EFAULT]: 'EFAULT',
  [EBUSY]: 'EBUSY',
  [EEXIST]: 'EEXIST',
  [ENODEV]: 'ENODEV',
  [EINVAL]: 'EINVAL',
  [EOVERFLOW]: 'EOVERFLOW',
  [EOPNOTSUPP]: 'EOPNOTSUPP',
  [ETIME]: 'ETIME',
}

/** The symbolic name of a result: `errnoName(-14)` is `'EFAULT'`; an unknown number keeps its digits. */
export function errnoName(result: number): string {
  return NAMES[-result] ?? `E${-result}`
}
