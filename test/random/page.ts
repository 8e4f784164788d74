/**
 * One page as the model has it: its rights and its value, or what its value may be. The model (model.ts) says what operations do
 * to pages; here is what a page is.
 */

/** Values of a file's pages; its length is its size. */
export type Content = bigint[]

export interface Page {
  prot: string
  /** What is mapped; null: anonymous private memory. */
  readonly file: Content | null
  readonly index: number
  readonly shared: boolean
  /** Value of its own; undefined: zero, or the file's. */
  own: bigint | undefined
  /** Values that it may have been copied with, where that is not known. */
  copies: bigint[]
  /** Advised as free: it may lose its value, and be zero, until it is written. */
  lazy: boolean
  dontfork: boolean
  wipeonfork: boolean
  readonly hugetlb: boolean
}

/** Pages of a huge page. */
export const HUGE = 512

export function zeros(pages: number): Content {
  return new Array<bigint>(pages).fill(0n)
}

export function alike(page: Page, other: Page): boolean {
  return page.prot === other.prot && page.dontfork === other.dontfork && page.wipeonfork === other.wipeonfork
}

export function beyondEnd(page: Page): boolean {
  return page.file !== null && page.index >= page.file.length
}

/** Can the page be had with this right, by whoever goes through the kernel? */
export function allows(page: Page | undefined, right: 'r' | 'w'): boolean {
  return page?.prot.includes(right) === true && !beyondEnd(page)
}

export function contentOf(page: Page): bigint {
  return page.own ?? page.file?.[page.index] ?? 0n
}

/** Writes `value`; undefined: forgets what the page has of its own. A 'copy' changes no shared page, and is no write. */
export function write(page: Page, value: bigint | undefined, how: 'write' | 'copy' = 'write'): void {
  if (page.shared && page.file !== null) {
    if (value !== undefined && how === 'write') page.file[page.index] = value
    return
  }
  page.own = value
  page.copies = []
  if (how === 'write') page.lazy = false
}

/** Something that failed half way may have copied this private file page. */
export function mayCopy(page: Page | undefined): void {
  if (page === undefined || page.file === null || page.shared || page.own !== undefined || !allows(page, 'w')) return
  const value = contentOf(page)
  if (!page.copies.includes(value)) page.copies.push(value)
}

/** Can the page have this value? If that tells whether it was copied, it is remembered. */
export function sees(page: Page, value: bigint): boolean {
  if (page.lazy && value === 0n) write(page, 0n)
  const follows = value === contentOf(page)
  const copied = page.copies.includes(value)
  if (follows !== copied) write(page, copied ? value : page.own, 'copy')
  return follows || copied
}

export function possible(page: Page): string {
  return [...new Set([contentOf(page), ...page.copies, ...(page.lazy ? [0n] : [])])].join(' or ')
}

/** Does the border before `pages[at]` cut a hugetlb page in two? (A hugetlb mapping is one page here.) */
export function cutsHugetlb(pages: readonly (Page | undefined)[], at: number): boolean {
  return at % HUGE !== 0 && pages[at]?.hugetlb === true
}
