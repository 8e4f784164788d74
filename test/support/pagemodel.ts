/**
 * An address space as a plain map of pages: what mmap, munmap, mprotect, mremap and madvise mean, without tables, entries
 * or frames. An area is a maximal run of pages that differ in nothing and whose offsets follow on; it is computed, not kept.
 *
 * The one thing that a page knows of its area is `owns`: memory that never owned a frame takes its offset from where it is
 * moved to. A write anywhere in an area makes the whole area an owner, and joining makes owners of both.
 */
import { EFAULT, EINVAL, ENOMEM } from '../../shared/memory/errno.ts'
import { ADVICE } from '../../shared/mm/madvise.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../../shared/mm/mremap.ts'
import { VM_READ, VM_SHARED, VM_WRITE } from '../../shared/mm/vma.ts'
import type { Area } from './addressspace.ts'

export type Backing = 'anonymous' | 'shared' | 'private file'

interface Page {
  rights: number
  /** dontfork, hugepage: as flags of the area. */
  advice: string
  backing: Backing
  pgoff: number
  owns: boolean
  /** Content of its own; undefined: zero, or what the file has. */
  value: number | undefined
}

const FIRST_GAP = 16

export class PageModel {
  readonly file: number[]
  private readonly pages = new Map<number, Page>()

  constructor(filePages: number) {
    this.file = new Array(filePages).fill(0)
  }

  mmap(start: number, pages: number, rights: number, backing: Backing): number {
    for (let i = 0; i < pages; i++) {
      const pgoff = backing === 'anonymous' ? start + i : i
      this.pages.set(start + i, { rights, advice: '', backing, pgoff, owns: false, value: undefined })
    }
    return this.settled(start)
  }

  munmap(start: number, pages: number): number {
    for (let i = 0; i < pages; i++) this.pages.delete(start + i)
    return 0
  }

  mprotect(start: number, pages: number, rights: number): number {
    for (let i = 0; i < pages; i++) {
      const page = this.pages.get(start + i)
      if (page === undefined) return this.settled(-ENOMEM)
      page.rights = rights
    }
    return this.settled(0)
  }

  madvise(start: number, pages: number, advice: number): number {
    let hole = false
    for (let i = 0; i < pages; i++) {
      const page = this.pages.get(start + i)
      if (page === undefined) hole = true
      else if (advice === ADVICE.dontneed) page.value = undefined
      else
        page.advice =
          advice === ADVICE.hugepage ? `${page.advice.replace(/huge/, '')}huge` : `dontfork${page.advice.replace('dontfork', '')}`
    }
    return this.settled(hole ? -ENOMEM : 0)
  }

  mremap(start: number, pages: number, newPages: number, flags: number, target: number): number {
    const fixed = (flags & MREMAP_FIXED) !== 0
    const dontUnmap = (flags & MREMAP_DONTUNMAP) !== 0
    if ((fixed || dontUnmap) && (flags & MREMAP_MAYMOVE) === 0) return -EINVAL
    if (dontUnmap && pages !== newPages) return -EINVAL
    if (fixed && target < start + pages && start < target + newPages) return -EINVAL
    if (!this.pages.has(start)) return -EFAULT
    if (fixed) this.munmap(target, newPages)
    let kept = pages
    if (newPages < pages) {
      this.munmap(start + newPages, pages - newPages)
      kept = newPages
    }
    if (!fixed && !dontUnmap && newPages <= pages) return start
    const area = this.areaOf(start)
    if (area.start + area.pages < start + kept) return -EFAULT
    if (fixed) return this.move(start, kept, newPages, target, dontUnmap)
    if (!dontUnmap && area.start + area.pages === start + kept && this.growInPlace(start + kept, newPages - kept)) return start
    if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM
    return this.move(start, kept, newPages, this.gap(newPages), dontUnmap)
  }

  store(vpn: number, value: number): string {
    const page = this.pages.get(vpn)
    if (page === undefined || (page.rights & VM_WRITE) === 0) return 'segv'
    if (page.backing !== 'anonymous' && page.pgoff >= this.file.length) return 'sigbus'
    if (page.backing === 'shared') this.file[page.pgoff] = value
    else {
      page.value = value
      page.owns = true
    }
    this.settled(0)
    return 'ok'
  }

  load(vpn: number): number | string {
    const page = this.pages.get(vpn)
    if (page === undefined || page.rights === 0) return 'segv'
    if (page.value !== undefined) return page.value
    if (page.backing === 'anonymous') return 0
    return this.file[page.pgoff] ?? 'sigbus'
  }

  mapped(): number[] {
    return [...this.pages.keys()].sort((a, b) => a - b)
  }

  areas(): Area[] {
    const found: (Area & { pages: number })[] = []
    let before: Page | undefined
    for (const vpn of this.mapped()) {
      const page = this.pages.get(vpn) as Page
      const last = found.at(-1)
      if (last !== undefined && last.start + last.pages === vpn && before !== undefined && joins(before, page)) last.pages++
      else found.push({ start: vpn, pages: 1, rights: text(page), pgoff: page.pgoff })
      before = page
    }
    return found
  }

  private areaOf(vpn: number): Area {
    return this.areas().find(({ start, pages }) => start <= vpn && vpn < start + pages) as Area
  }

  private growInPlace(at: number, more: number): boolean {
    for (let i = 0; i < more; i++) if (this.pages.has(at + i)) return false
    const last = this.pages.get(at - 1) as Page
    for (let i = 0; i < more; i++) this.pages.set(at + i, { ...last, pgoff: last.pgoff + 1 + i, value: undefined })
    this.settled(0)
    return true
  }

  private move(start: number, pages: number, newPages: number, target: number, dontUnmap: boolean): number {
    const first = this.pages.get(start) as Page
    const pgoff = first.backing === 'anonymous' && !first.owns ? target : first.pgoff
    const moved = Array.from({ length: newPages }, (_, i) => ({
      ...first,
      pgoff: pgoff + i,
      value: i < pages ? this.pages.get(start + i)?.value : undefined,
    }))
    for (let i = 0; i < pages; i++) {
      if (dontUnmap) (this.pages.get(start + i) as Page).value = undefined
      else this.pages.delete(start + i)
    }
    for (const [i, page] of moved.entries()) this.pages.set(target + i, page)
    return this.settled(target)
  }

  private gap(pages: number): number {
    let start = FIRST_GAP
    for (const vpn of this.mapped()) {
      if (vpn < start) continue
      if (vpn - start >= pages) break
      start = vpn + 1
    }
    return start
  }

  /** Lets every area of which a page owns frames own them as a whole. Passes `result` through. */
  private settled(result: number): number {
    for (const { start, pages } of this.areas()) {
      const members = Array.from({ length: pages }, (_, i) => this.pages.get(start + i) as Page)
      if (members.some(({ owns }) => owns)) for (const page of members) page.owns = true
    }
    return result
  }
}

function joins(page: Page, next: Page): boolean {
  return (
    page.rights === next.rights && page.advice === next.advice && page.backing === next.backing && page.pgoff + 1 === next.pgoff
  )
}

function text(page: Page): string {
  const flags = page.rights | (page.backing === 'shared' ? VM_SHARED : 0)
  return `${flags & VM_READ ? 'r' : '-'}${flags & VM_WRITE ? 'w' : '-'}-${flags & VM_SHARED ? 's' : 'p'}`
}
