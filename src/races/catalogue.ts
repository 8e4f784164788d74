/**
 * The catalogue: every race of this protocol family that is known to have happened, whether or not it can be put in yet. The
 * generation says which form of the protocol it belongs to: G15 to G19 the three forms before 5.5, GI interval notifiers, MM the
 * core, DRV the driver alone. Depth is the number of ordering constraints of its interleaving.
 *
 * Some are one mistake, made again years later and elsewhere: what finds one of them may be pointed at the others.
 */
import type { Oracle } from '../../shared/seam/violation.ts'
import { RACE_IDS } from './index.ts'

/** A known race: where it belongs, who sees it, whether it can be put in. */
export interface CatalogueEntry {
  readonly number: number
  readonly id: string
  readonly title: string
  readonly generation: readonly string[]
  readonly oracles: readonly Oracle[]
  readonly depth: number
  /** Can it be put in (`--bug ID`)? */
  readonly expressible: boolean
  /** Why not. */
  readonly reason?: string
  /** Numbers of the races that are the same mistake in another place. */
  readonly kin?: readonly number[]
  /** Number of the race that its cure brought in, and of the one whose cure brought it in. */
  readonly bred?: number
  readonly bredBy?: number
}

/** Races of one shape: what is announced after it has been done; two that both own the unlinking of one object. */
const SHAPES: readonly (readonly number[])[] = [
  [2, 13],
  [26, 27, 28],
]

/** Each is the cure of the one before: a page of device memory that a fault must hold, then lock, then wait for. */
const LADDER: readonly number[] = [9, 10, 40]

/** Why the others cannot be put in, or would not be found. */
const WHY_NOT: Readonly<Record<string, string>> = {
  'null-before-unregister': 'a callback finds its mirror by the notifier, and no pointer is cleared while that is linked',
  'release-callback-after-lock-drop': 'who could free a mirror is its process, and that has ended when release is called',
  'double-release-or-null': 'closing a device and the end of its address space come one after the other here',
  'exit-without-callback':
    'what the end of an address space unmaps is announced as well: without release alone nothing is missed',
  'range-outlives-mm':
    'a mirror keeps the record of its address space, and a walk finds no area in an ended one (3,000 schedules)',
  'mmput-in-callback': 'a driver has no reference of an address space that it could drop',
  'soft-dirty-lost': 'no oracle keeps a ledger of soft-dirty marks yet',
  'trylock-spin-starves-holder': 'no actor depends on the core of another: under a fair schedule the holder gets on',
  'migration-entry-dodges':
    'reverse walks visit areas in the order of their making: a moved entry is never behind them (7,000 schedules)',
  'evict-to-make-room-spin':
    'it takes two services that evict from one memory; here a device has one, and what that made room for stays free',
  'unlocked-reread-of-rights': 'the fault gives way to the copy-on-write that it would have to miss (3,000 schedules)',
}

function race(
  number: number,
  id: string,
  title: string,
  generation: readonly string[],
  oracles: readonly Oracle[],
  depth: number,
): CatalogueEntry {
  const kin = SHAPES.find((shape) => shape.includes(number))?.filter((other) => other !== number)
  const base = { number, id, title, generation, oracles, depth, ...(kin === undefined ? {} : { kin }), ...rungs(number) }
  if ((RACE_IDS as readonly string[]).includes(id)) return { ...base, expressible: true }
  return { ...base, expressible: false, reason: WHY_NOT[id] ?? 'its scenario is not written yet' }
}

function rungs(number: number): Pick<CatalogueEntry, 'bred' | 'bredBy'> {
  const at = LADDER.indexOf(number)
  const [before, after] = at < 0 ? [] : [LADDER[at - 1], LADDER[at + 1]]
  return { ...(after === undefined ? {} : { bred: after }), ...(before === undefined ? {} : { bredBy: before }) }
}

/** All known races, by number (docs/races.md). */
export const CATALOGUE: readonly CatalogueEntry[] = [
  race(1, 'valid-flag-aba', 'a boolean "range valid" forgets a whole invalidation', ['G19'], ['PG', 'SUB'], 2),
  race(2, 'range-listed-after-callback', 'invalidation is announced after the callback ran', ['G15'], ['PG', 'SUB'], 2),
  race(
    3,
    'recheck-outside-lock',
    'sequence verified, then the lock taken (or never verified)',
    ['GI', 'DRV'],
    ['PG', 'SUB', 'CON'],
    2,
  ),
  race(4, 'interval-remove-unlocked-predicate', 'remover leaves while its node is still queued', ['GI'], ['LIFE', 'CON'], 3),
  race(5, 'hmm-freed-before-grace', 'unregister is not a fence', ['G16', 'G19'], ['LIFE'], 2),
  race(6, 'eagain-without-unwind', 'non-blocking start fails but keeps what it took', ['G19', 'DRV'], ['CON', 'WAKE', 'DLK'], 2),
  race(7, 'nonblock-start-lies', 'callback could not stop the device but reports success', ['G19', 'DRV'], ['PG'], 1),
  race(8, 'unpaired-end-after-failed-start', 'one subscriber fails, the others keep their count', ['MM'], ['CON', 'PROG'], 1),
  race(9, 'devpriv-fault-without-ref', 'CPU faults a device page that is freed meanwhile', ['GI', 'MM'], ['LIFE', 'PG'], 2),
  race(10, 'devpriv-fault-stampede', "many CPU faults abort each other's migration", ['GI', 'MM'], ['PROG'], 2),
  race(11, 'migrate-flush-after-unlock', 'CPU TLB flushed after the page-table lock is dropped', ['MM', 'GI'], ['PG', 'LIN'], 2),
  race(12, 'invalidate-only-at-end', 'device unmapped in range_end, page already free', ['G16'], ['PG', 'DIRTY'], 1),
  race(13, 'invalidate-before-count', 'cache marked invalid before the in-progress counter rises', ['DRV'], ['PG'], 2),
  race(14, 'vma-facts-before-seq', 'sequence is read after the facts it should protect', ['DRV', 'GI'], ['PERM', 'SUB'], 2),
  race(15, 'register-inside-window', 'new mirror joins between start and end', ['DRV', 'G15', 'GI'], ['PG', 'WAKE', 'PROG'], 2),
  race(
    16,
    'setseq-forgotten',
    'callback does not store the new sequence (or does it for the wrong subset)',
    ['GI', 'DRV'],
    ['PG', 'SUB'],
    2,
  ),
  race(17, 'deferred-invalidation', 'callback schedules the removal instead of doing it', ['DRV'], ['PG'], 1),
  race(18, 'callback-bails-on-alloc-failure', 'memory shortage turns into a missed invalidation', ['DRV'], ['PG', 'REF'], 1),
  race(19, 'reaper-without-notifier', 'a core path zaps PTEs and tells nobody', ['MM'], ['PG', 'SUB'], 1),
  race(
    20,
    'collapse-without-notifier',
    'table removed for huge-page collapse, secondary MMU keeps old frames',
    ['MM'],
    ['LIN', 'PG'],
    1,
  ),
  race(21, 'fork-keeps-device-writable', 'COW protection is not told to the device', ['MM'], ['PERM', 'LIN'], 1),
  race(
    22,
    'inactive-root-skipped',
    'callback visits only "live" tables, a yielded teardown keeps references',
    ['DRV'],
    ['PG', 'DIRTY'],
    2,
  ),
  race(
    23,
    'revoked-object-still-notified',
    'object given back to hardware while its notifier is live',
    ['DRV'],
    ['CON', 'LIFE'],
    2,
  ),
  race(
    24,
    'split-shrinks-before-notifier',
    'object range and notifier range differ for a moment',
    ['GI', 'DRV'],
    ['CON', 'PG'],
    2,
  ),
  race(
    25,
    'ignore-own-invalidation-too-wide',
    '"this invalidation is mine" also hides what others need',
    ['GI', 'DRV'],
    ['SUB', 'LIN', 'PG'],
    1,
  ),
  race(26, 'null-before-unregister', 'back pointer cleared while callbacks still run', ['G16'], ['LIFE', 'CON'], 2),
  race(
    27,
    'release-callback-after-lock-drop',
    'list walker calls into a mirror that is being freed',
    ['G16', 'G19'],
    ['LIFE', 'CON'],
    2,
  ),
  race(28, 'double-release-or-null', 'unregister and exit both own the removal', ['MM'], ['CON', 'LIFE'], 2),
  race(29, 'exit-without-callback', 'device works on in a dead address space', ['G15', 'G16'], ['PG'], 1),
  race(30, 'range-outlives-mm', 'snapshot walks VMAs of a mm with no users', ['G19'], ['LIFE'], 2),
  race(31, 'mmput-in-callback', 'last mm reference dropped inside an invalidation', ['DRV'], ['DLK'], 2),
  race(32, 'two-paths-one-unref', 'notifier and page-free callback both drop the device buffer', ['DRV'], ['REF', 'LIFE'], 2),
  race(
    33,
    'child-destroyed-twice',
    'empty child queued for destruction by two invalidations',
    ['DRV'],
    ['LIFE', 'REF', 'DLK'],
    2,
  ),
  race(34, 'dying-flag-skips-cleanup', 'exit marks children dying, close then skips them', ['DRV'], ['REF'], 1),
  race(35, 'fork-shares-context', "a file inherited by a child acts on the parent's mirror", ['G15', 'DRV'], ['LIN'], 1),
  race(36, 'dir-freed-before-grace', 'mirror table directory freed while a lock-free walker looks at it', ['G15'], ['LIFE'], 2),
  race(37, 'pte-dirty-lost-in-migration', 'fast path drops the dirty bit', ['MM', 'GI'], ['DIRTY', 'LIN'], 2),
  race(38, 'soft-dirty-lost', 'tracking bit vanishes through device memory', ['MM'], ['DIRTY'], 1),
  race(39, 'exclusive-entry-without-ref', 'waiters lock a page that is freed under them', ['GI', 'MM'], ['LIFE', 'PG'], 3),
  race(40, 'trylock-spin-starves-holder', 'fault spins on a lock whose holder needs this CPU', ['GI', 'MM'], ['PROG'], 2),
  race(41, 'reused-frame-stale-metadata', 'device page keeps the identity of its last owner', ['MM'], ['REF', 'SUB'], 1),
  race(42, 'copy-failure-published', 'page mapped to user though the DMA failed', ['DRV', 'GI'], ['SEC', 'LIN'], 1),
  race(43, 'migration-entry-dodges', 'page-table move hides an entry from the restorer', ['MM'], ['CON', 'WAKE'], 2),
  race(
    44,
    'touched-unowned-frame',
    'frame list of the snapshot used without lock and re-check',
    ['GI', 'DRV'],
    ['PG', 'DIRTY', 'REF'],
    2,
  ),
  race(45, 'notifier-vs-page-lock', 'driver takes page locks under its notifier lock', ['GI', 'DRV'], ['DLK'], 2),
  race(
    46,
    'cross-driver-wait-cycle',
    'callback waits for a pin held by a subscriber that waits for the callback',
    ['DRV'],
    ['DLK'],
    1,
  ),
  race(47, 'reclaim-under-notifier-lock', 'allocation under the lock that callbacks need', ['GI', 'DRV'], ['DLK'], 1),
  race(48, 'begin-under-lock', 'waiting for the window to close while holding what the closer needs', ['GI'], ['DLK'], 2),
  race(49, 'two-meanings-one-errno', 'retry code tells nothing about the lock state', ['G19'], ['CON', 'DLK'], 1),
  race(50, 'readonly-vma-write-fault-spin', 'fault succeeds without giving the right that was asked', ['G19'], ['PROG'], 1),
  race(51, 'refresh-invalidates-itself', "the retry loop's own mapping step triggers the notifier", ['DRV'], ['PROG'], 0),
  race(52, 'flush-work-cycle', "release waits for work, work waits for the notifier's grace period", ['DRV', 'GI'], ['DLK'], 2),
  race(53, 'stale-fault-after-unmap', 'old device fault is served after the range was removed', ['DRV'], ['CON', 'LIN'], 1),
  race(54, 'evict-to-make-room-spin', 'fault handler evicts in circles', ['DRV'], ['PROG'], 2),
  race(55, 'write-upgrade-lost', 'request flags overwritten by the result', ['G16'], ['PROG', 'PERM'], 1),
  race(56, 'swapped-page-reported-as-ok', 'snapshot returns "nothing" with success', ['G19'], ['CON', 'LIN'], 1),
  race(57, 'unlocked-reread-of-rights', 'frame from one read of the PMD, rights from another', ['G15', 'G16'], ['PERM'], 2),
  race(58, 'counter-not-reset-on-reregister', 'count of a window carries over to another range', ['DRV'], ['CON', 'PROG'], 2),
]
