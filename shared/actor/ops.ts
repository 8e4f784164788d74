/**
 * Operations of a scenario, as the parser hands them to an actor. One interface per shape; `line` is where it stands in its
 * file. Handles are letters, pages count from a handle's current start.
 */
export type Prot = string // letters of rwx, or '-'
export type MapKind = 'private' | 'shared' | 'memfd' | 'file-shared' | 'file-private'
export type RemapMode = 'none' | 'maymove' | 'move' | 'dontunmap'
export type AdviceName =
  | 'dontneed'
  | 'free'
  | 'pageout'
  | 'remove'
  | 'populate_read'
  | 'populate_write'
  | 'hugepage'
  | 'nohugepage'
  | 'collapse'
  | 'dontfork'
  | 'wipeonfork'

export interface MmapOp {
  readonly op: 'mmap'
  readonly handle: string
  readonly pages: number
  readonly prot: Prot
  readonly kind: MapKind
  readonly huge?: 'thp' | 'hugetlb'
  readonly same?: string
}
export interface SpanOp {
  readonly op: 'munmap'
  readonly handle: string
  readonly page: number
  readonly pages: number
}
export interface ProtectOp {
  readonly op: 'mprotect'
  readonly handle: string
  readonly page: number
  readonly pages: number
  readonly prot: Prot
}
export interface AdviseOp {
  readonly op: 'madvise'
  readonly handle: string
  readonly page: number
  readonly pages: number
  readonly advice: AdviceName
}
export interface RemapOp {
  readonly op: 'mremap'
  readonly handle: string
  readonly pages: number
  readonly mode: RemapMode
}
export interface StoreOp {
  readonly op: 'store'
  readonly handle: string
  readonly page: number
  readonly value: bigint
}
export interface LoadOp {
  readonly op: 'load'
  readonly handle: string
  readonly page: number
}
export interface DeviceOp {
  readonly op: 'dread' | 'snapshot' | 'migrate_dev' | 'migrate_sys' | 'exclusive' | 'check_exclusive' | 'dereg_mr' | 'unbind'
  readonly device: number
  readonly handle: string
  readonly page: number
  readonly pages: number
}
export interface DeviceWriteOp {
  readonly op: 'dwrite' | 'submit'
  readonly device: number
  readonly handle: string
  readonly page: number
  readonly pages: number
  readonly value: bigint
}
/** A memory region of an adapter with on-demand paging, or a buffer of a device that is told what to do. */
export interface RegisterOp {
  readonly op: 'reg_mr' | 'bind'
  readonly device: number
  readonly handle: string
  readonly page: number
  readonly pages: number
  readonly prot: Prot
}
export type PrefetchAdvice = 'read' | 'write' | 'no_fault'
export interface PrefetchOp {
  readonly op: 'prefetch'
  readonly device: number
  readonly handle: string
  readonly page: number
  readonly pages: number
  readonly advice: PrefetchAdvice
}
export interface DeviceFileOp {
  readonly op: 'open' | 'close' | 'release'
  readonly device: number
}
export interface ForkOp {
  readonly op: 'fork'
}
export interface ProcessOp {
  readonly op: 'proc' | 'exit'
  readonly process: number
}

/** Atomic add by a CPU; concurrent scenarios only. */
export interface AddOp {
  readonly op: 'add'
  readonly handle: string
  readonly page: number
  readonly value: bigint
}
/** Atomic add by a device; concurrent scenarios only. */
export interface DeviceAddOp {
  readonly op: 'dadd'
  readonly device: number
  readonly handle: string
  readonly page: number
  readonly pages: number
  readonly value: bigint
}

/**
 * What is done to pages without their process; reclaim threads only. `reap` is the OOM reaper's zap, which never waits; the others go by
 * frames and take no mmap_sem: to swap, to another frame, out of its 2 MiB block.
 */
export interface ReclaimOp {
  readonly op: 'reap' | 'putout' | 'move' | 'split'
  readonly handle: string
  readonly page: number
  readonly pages: number
}

/** An operation of a thread of a concurrent scenario. Device operations of a device thread are commands of its engine. */
export type ThreadOp = ScenarioOp | AddOp | DeviceAddOp | ReclaimOp

/** An operation of a sequential scenario (docs/scenarios.md). */
export type ScenarioOp =
  | MmapOp
  | SpanOp
  | ProtectOp
  | AdviseOp
  | RemapOp
  | StoreOp
  | LoadOp
  | DeviceOp
  | DeviceWriteOp
  | RegisterOp
  | PrefetchOp
  | DeviceFileOp
  | ForkOp
  | ProcessOp

/** One line of a sequential scenario: the operation, and what a real kernel answered, if that was recorded. */
export interface ScenarioLine {
  readonly line: number
  readonly op: ScenarioOp
  readonly expected?: string
}
