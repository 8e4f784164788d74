/**
 * Tokens of the scenario language, as schemas: what each may look like, and the sentence for when it does not.
 */
import { z } from 'zod'

const MAX_PAGES = 65536 * 16
/** Pages from one handle's start to the next (test/conformance/FORMAT.md): a mapping stays inside. */
const MAX_MAPPED = 65536

/** A whole number of pages, at least `min`. */
function wholeNumber(name: string, min: number, max: number) {
  return z
    .string()
    .regex(/^\d+$/, `${name} must be a whole number`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `${name} must lie between ${min} and ${max}`)
}

export const handle = z.string().regex(/^[A-Z]$/, 'a handle is one letter from A to Z')
export const page = wholeNumber('PAGE', 0, MAX_PAGES)
export const pages = wholeNumber('N', 0, MAX_PAGES)
/** Size of a mapping. */
export const mapped = wholeNumber('N', 0, MAX_MAPPED)
export const device = wholeNumber('DEVICE', 0, 7)
export const process = wholeNumber('PROCESS', 0, 255)
export const value = z
  .string()
  .regex(/^\d+$/, 'a value must be a whole number')
  .transform(BigInt)
  .refine((v) => v < 1n << 64n, 'a value has at most 64 bits')
export const prot = z.string().regex(/^(-|r?w?x?)$/, 'PROT is letters of rwx in this order, or - for none')
export const mapKind = z.enum(['private', 'shared', 'memfd', 'file-shared', 'file-private'], {
  error: 'KIND is private, shared, memfd, file-shared or file-private',
})
export const remapMode = z.enum(['maymove', 'move', 'dontunmap'], { error: 'a mode of mremap is maymove, move or dontunmap' })
export const advice = z.enum(
  [
    'dontneed',
    'free',
    'pageout',
    'remove',
    'populate_read',
    'populate_write',
    'hugepage',
    'nohugepage',
    'collapse',
    'dontfork',
    'wipeonfork',
  ],
  {
    error:
      'ADVICE is dontneed, free, pageout, remove, populate_read, populate_write, hugepage, nohugepage, collapse, dontfork or wipeonfork',
  },
)
export const prefetch = z.enum(['read', 'write', 'no_fault'], { error: 'a prefetch is for read, write or no_fault' })
/** Trailing words of mmap. */
export const mapExtra = z.string().regex(/^(thp|hugetlb|same=[A-Z])$/, 'after KIND come thp, hugetlb or same=HANDLE')
