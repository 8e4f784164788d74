/**
 * Protocol outcomes. Returned as small negative integers under the kernel's names, never thrown: a refused operation is a
 * result, not an accident. Values are those of Linux on x86-64, so that a reader of kernel code recognises them.
 */
export const EPERM = 1
export const ENOENT = 2
export const ESRCH = 3
export const EINTR = 4
export const EIO = 5
export const EBADF = 9
export const EAGAIN = 11
export const ENOMEM = 12
export const EACCES = 13
export const EFAULT = 14
export const EBUSY = 16
export const EEXIST = 17
export const ENODEV = 19
export const EINVAL = 22
export const EOVERFLOW = 75
export const EOPNOTSUPP = 95
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
