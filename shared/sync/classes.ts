/**
 * The lock book: every lock of the runtime, outermost first. Taking a class while a later one (or the same) is held is an
 * inverted order and is reported the first time it is seen, whether or not it hangs (sync/held.ts).
 *
 *   a lock may be taken while holding only locks above it in this list
 *
 *   class           kind    protects
 *   mmapSem         sleep   the VMA tree of an mm, and that its upper page tables are not freed. Read: fault, snapshot,
 *                           zap after downgrade. Write: mmap, munmap, mprotect, mremap, fork (the parent's).
 *   mmapSemChild    sleep   the same lock of a child that fork is filling: nobody else knows it yet.
 *   window          pseudo  held from invalidateRangeStart to End; taken by waiting for such an end (readBegin, interval
 *                           remove), not by opening it. So a driver that waits for an end with its own lock held, or with
 *                           any lock that a start..end section takes, is an inversion.
 *   pagemap         sleep   read: entries of a DAX file's pages are read or made. Written to wait until nobody does.
 *   frameLock       sleep   a frame's identity while it moves: COW reuse decision, migration, swap, file fill.
 *   fileRmap        sleep   the set of VMAs that map a file.
 *   anonRmap        sleep   the set of VMAs of a fork family that may map its anonymous frames.
 *   srcu            pseudo  held inside an srcu read section; taken by waiting for its grace period.
 *   mirrorsSem      sleep   the mirrors of an hmm, era range-valid. Read: a callback of one of them runs.
 *   hmmMirrors      sleep   the mirrors of an address space, where events are told to a list (era events): read by every event,
 *                           written by who adds or kills a mirror, with the driver's last calls inside.
 *   driver          sleep   a driver's update lock: its callback takes it, and installs only under it.
 *   hmm             sleep   the ranges of an hmm and their states, era range-valid. Never held around a callback.
 *   file            spin    a file's page cache index.
 *   directory       spin    links below one upper page table of a CPU page table.
 *   directoryNested spin    a second such table, by mremap and fork of 2 MiB entries only: destination after source.
 *   leaf            spin    the 512 entries of one leaf table (the page-table lock).
 *   leafNested      spin    a second leaf, by mremap and fork only: destination after source.
 *   mirrorParent    spin    links below one upper directory of a mirror page table.
 *   mirrorLeaf      spin    valid, write and select bits of one leaf directory of a mirror page table.
 *   mirrorKept      spin    the empty leaf directories that a mirror page table keeps for a while.
 *   hmmFaults       spin    the device faults in progress on an address space (era events).
 *   subscriptions   spin    a mm's invalidation sequence, active count, interval tree and deferred list.
 *   device          spin    a device's table of mirrors.
 *   ring            spin    the producer side of a mailbox ring.
 *   zone            spin    the free frames of system memory or of one device's memory.
 *   objects         spin    one size class of kernel objects.
 *   queue           spin    the list of one wait queue or rwsem.
 *   rcu             pseudo  held inside an rcu read section: nothing below sleeps.
 *
 * allowed with a spin lock held: other spin locks further down, atomics, an inline notifier call that cannot block.
 * not allowed: sleeping (park for anything but a spin lock), allocation that may reclaim, opening a blockable window.
 *
 * worked deadlock (why `window` is a class):
 *
 *     fault service                            munmap
 *                                              invalidateRangeStart: sequence odd   (window held)
 *     mutexLock(driver)
 *     readBegin: sleeps until the sequence     callback: mutexLock(driver)          [never]
 *     moves on                  [never]
 */
export type LockKind = 'sleep' | 'spin' | 'pseudo'

/** A class of locks: the order in which locks may be taken is an order of classes. */
export interface LockClass {
  readonly id: number
  readonly name: string
  readonly kind: LockKind
}

/** Class numbers below this are the book's; their order is their number. From here on they are a user's, ordered as seen. */
export const FIRST_USER_CLASS = 32
export const MAX_CLASSES = 64

const classes: LockClass[] = []

function book(name: string, kind: LockKind): LockClass {
  const cls = { id: classes.length + 1, name, kind }
  classes.push(cls)
  return cls
}

export const MMAP_SEM = book('mmap_sem', 'sleep')
export const MMAP_SEM_CHILD = book('mmap_sem (child)', 'sleep')
export const WINDOW = book('invalidation window', 'pseudo')
export const PAGEMAP = book('page map', 'sleep')
export const FRAME_LOCK = book('frame lock', 'sleep')
export const FILE_RMAP = book('file rmap', 'sleep')
export const ANON_RMAP = book('anon rmap', 'sleep')
export const SRCU = book('srcu', 'pseudo')
export const MIRRORS_SEM = book('mirrors_sem', 'sleep')
export const HMM_MIRRORS = book('hmm mirrors', 'sleep')
export const DRIVER = book('driver lock', 'sleep')
export const HMM = book('hmm lock', 'sleep')
export const FILE = book('file', 'spin')
export const DIRECTORY = book('directory', 'spin')
export const DIRECTORY_NESTED = book('directory (nested)', 'spin')
export const LEAF = book('page-table lock', 'spin')
export const LEAF_NESTED = book('page-table lock (nested)', 'spin')
export const MIRROR_PARENT = book('mirror directory (parent)', 'spin')
export const MIRROR_LEAF = book('mirror directory', 'spin')
export const MIRROR_KEPT = book('kept mirror directories', 'spin')
export const HMM_FAULTS = book('hmm faults', 'spin')
export const SUBSCRIPTIONS = book('subscriptions', 'spin')
export const DEVICE = book('device', 'spin')
export const RING = book('ring', 'spin')
export const ZONE = book('zone', 'spin')
export const OBJECTS = book('objects', 'spin')
export const QUEUE = book('queue', 'spin')
export const RCU_SECTION = book('rcu', 'pseudo')

/** Names of the book's classes, outermost first. */
export const BOOK_NAMES: readonly string[] = classes.map(({ name }) => name)

/**
 * A lock class of your own, for locks of a foreign protocol or a driver's second lock. `id` is FIRST_USER_CLASS or more,
 * below MAX_CLASSES, and must be the same in every worker. Its place in the order is learned as it is used.
 */
export function userLockClass(id: number, name: string, kind: 'sleep' | 'spin'): LockClass {
  if (id < FIRST_USER_CLASS || id >= MAX_CLASSES) {
    throw new RangeError(`a user's lock class number lies in [${FIRST_USER_CLASS}, ${MAX_CLASSES}), not ${id}`)
  }
  const cls: LockClass = { id, name, kind }
  classes[id - 1] = cls // so that reports know its name, and the sleep check its kind
  return cls
}

/** The name of a class by its number, for reports. */
export function className(id: number): string {
  return classes[id - 1]?.name ?? `user class ${id}`
}

/** True for a class whose holders must not sleep. */
export function classIsSpin(id: number): boolean {
  return classes[id - 1]?.kind === 'spin'
}
