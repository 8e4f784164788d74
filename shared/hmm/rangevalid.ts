/**
 * The protocol of 2019 (Linux 5.2, as it was meant; section 4 of the series): ranges that invalidations spoil, one hmm per address
 * space that hears of them as a classic notifier, and the mirrors' drivers behind it.
 *
 *     start    hmm's lock: one more runs; ranges it touches are spoilt (hmm/rangestate.ts)
 *              mirrors_sem for reading: every mirror's driver takes its pages away
 *     end      one fewer runs; the last wakes who waits to fill
 *     release  the address space ends: ranges are spoilt for ever, waiters give up, every mirror's driver is told
 *
 * A start that may not block tries both locks, and asks drivers that may refuse. Refused, it has taken its count back before it says
 * so (section 4.9, row 2): the caller changes nothing and ends nothing. What it spoilt stays spoilt, which costs a fill and no more.
 */
import { EFAULT } from '../memory/errno.ts'
import { CLASSIC_OPS, type ClassicOps, classicCookie } from '../notifier/classic.ts'
import { mmapSem, mmSubscriptions } from '../notifier/mmhead.ts'
import { readRetry, setSeq, subSeq } from '../notifier/subscriptions.ts'
import { type NotifierRange, rangeBlockable, rangeLast, rangeStart } from '../notifier/windows.ts'
import { lookupOp, opKey, registerOp } from '../seam/optable.ts'
import { WAIT } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { violation } from '../seam/violation.ts'
import { MMAP_SEM, WINDOW } from '../sync/classes.ts'
import { assertMaySleep, checkOrder } from '../sync/held.ts'
import { downWrite, upWrite } from '../sync/rwsem.ts'
import { waitAtMost, waitUntil } from '../sync/waitqueue.ts'
import {
  eachMirror,
  HMM_OPS,
  type Hmm,
  hmmEnd,
  hmmEpoch,
  hmmIsDead,
  hmmKill,
  hmmLookup,
  hmmMirrorRegister,
  hmmMirrorUnregister,
  hmmMm,
  hmmNotifiers,
  hmmPut,
  hmmQueue,
  hmmStart,
  lockHmm,
  lockMirrors,
  NO_HMM,
  unlockHmm,
  unlockMirrors,
} from './hmm.ts'
import { type Mirror, mirrorDevice, mirrorIsLive, mirrorKill, mirrorMm, mirrorSub } from './mirror.ts'
import type { Protocol } from './protocol.ts'
import { type Range, rangeFirst, rangeLastPage, rangeMirror, rangeMm } from './range.ts'
import {
  RANGE_STATE,
  rangeFillBegins,
  rangeFillEnds,
  rangeFillSpoilt,
  rangeHmm,
  rangeIsFilled,
  rangeLink,
  rangeState,
  rangeUnlink,
  spoilRanges,
} from './rangestate.ts'

/** What a mirror's driver does (struct hmm_mirror_ops), by device number. */
export interface MirrorOps {
  /** sync_cpu_device_pagetables: true when the device uses the pages no more; false, refused, only if the range is not blockable. */
  readonly sync: (task: Task, mirror: Mirror, range: NotifierRange, seq: number) => boolean
  /** The address space ends: when it returns, nothing uses the mirror any more. May not unregister it. */
  readonly release: (task: Task, mirror: Mirror) => void
}

export const MIRROR_OPS = opKey<MirrorOps>('mirror')

/** Registers what the notifier room calls here. Each worker that may change address spaces, when it boots. */
export function registerHmm(task: Task): void {
  registerOp(task, CLASSIC_OPS, HMM_OPS, NOTIFIER_OPS)
}

const NOTIFIER_OPS: ClassicOps = {
  undoesRefusals: true,

  start(task, notifier, range) {
    const hmm = classicCookie(task, notifier) as Hmm
    const maySleep = rangeBlockable(task, range)
    if (!lockHmm(task, hmm, maySleep)) return false
    const seq = hmmStart(task, hmm)
    spoilRanges(task, hmm, rangeStart(task, range), rangeLast(task, range))
    unlockHmm(task, hmm)
    const stopped = syncMirrors(task, hmm, range, seq, maySleep)
    if (!stopped) hmmEnd(task, hmm)
    return stopped
  },

  end(task, notifier) {
    hmmEnd(task, classicCookie(task, notifier) as Hmm)
  },

  release(task, notifier) {
    const hmm = classicCookie(task, notifier) as Hmm
    hmmKill(task, hmm)
    lockHmm(task, hmm)
    spoilRanges(task, hmm)
    unlockHmm(task, hmm)
    // Under mirrors_sem: whoever unregisters a mirror waits until its release has returned (row 5).
    lockMirrors(task, hmm, true)
    eachMirror(task, hmm, (mirror) => {
      mirrorKill(task, mirror)
      opsOf(task, mirror).release(task, mirror)
      return true
    })
    unlockMirrors(task, hmm)
  },
}

/** Every mirror's driver, whatever ranges there are. False when one refused: those behind it are not asked. */
function syncMirrors(task: Task, hmm: Hmm, range: NotifierRange, seq: number, maySleep: boolean): boolean {
  if (!lockMirrors(task, hmm, maySleep)) return false
  const all = eachMirror(task, hmm, (mirror) => {
    const stopped = opsOf(task, mirror).sync(task, mirror, range, seq)
    if (!stopped && maySleep) violation(task, 'CON', 'a callback refused an invalidation that may block')
    return stopped
  })
  unlockMirrors(task, hmm)
  return all
}

function opsOf(task: Task, mirror: Mirror): MirrorOps {
  return lookupOp(task, MIRROR_OPS, mirrorDevice(task, mirror))
}

/**
 * Sleeps until `condition`, one about the invalidations that run, or for `ns`; false then. No lock held that a section between start and
 * end takes.
 */
function awaitEnds(task: Task, hmm: Hmm, condition: () => boolean, ns = Number.POSITIVE_INFINITY): boolean {
  const on = mmSubscriptions(hmmMm(task, hmm))
  if (task.checked) {
    assertMaySleep(task, 'waiting until a range is valid')
    checkOrder(task, WINDOW, on)
  }
  if (ns !== Number.POSITIVE_INFINITY) return waitAtMost(task, hmmQueue(hmm), ns, condition)
  waitUntil(task, hmmQueue(hmm), WAIT.invalidationEnd, on, condition)
  return true
}

/** Sleeps until the range may be filled, for `ns` at most. False when it may not: the time is over, or the mirror is dead. */
export function rangeAwait(task: Task, range: Range, ns?: number): boolean {
  const hmm = rangeHmm(task, range)
  const settled = () => rangeState(task, range) !== RANGE_STATE.invalid || hmmIsDead(task, hmm)
  return awaitEnds(task, hmm, settled, ns) && !hmmIsDead(task, hmm) && mirrorIsLive(task, rangeMirror(task, range))
}

export const RANGE_VALID: Protocol = {
  subscribe(task, mirror) {
    const mm = mirrorMm(task, mirror)
    downWrite(task, mmapSem(mm), MMAP_SEM)
    const refused = hmmMirrorRegister(task, mirror)
    upWrite(task, mmapSem(mm))
    return refused
  },

  withdraw(task, mirror) {
    hmmMirrorUnregister(task, mirror)
  },

  register(task, range) {
    const hmm = hmmLookup(task, rangeMm(task, range))
    if (hmm === NO_HMM) return -EFAULT
    if (hmmIsDead(task, hmm)) {
      hmmPut(task, hmm)
      return -EFAULT
    }
    rangeLink(task, hmm, range, rangeFirst(task, range), rangeLastPage(task, range))
    return 0
  },

  unregister(task, range) {
    const hmm = rangeHmm(task, range)
    rangeUnlink(task, range)
    hmmPut(task, hmm)
  },

  wait: (task, range) => rangeAwait(task, range),

  fillBegins: rangeFillBegins,
  disturbed: (task, range) => rangeFillSpoilt(task, range) && !rangeIsFilled(task, range),
  fillEnds: rangeFillEnds,
  valid: rangeIsFilled,

  invalidated: (task, mirror, seq) => setSeq(task, mirrorSub(mirror), seq),

  /**
   * The sequence first, then until what runs now is over: it has either stored its sequence already, and has ended before anything is
   * read, or stores it later, and is a retry.
   */
  readBegin(task, mirror) {
    const seq = subSeq(task, mirrorSub(mirror))
    const hmm = hmmLookup(task, mirrorMm(task, mirror))
    if (hmm === NO_HMM) return seq
    const epoch = hmmEpoch(task, hmm)
    awaitEnds(task, hmm, () => hmmEpoch(task, hmm) !== epoch || hmmNotifiers(task, hmm) === 0)
    hmmPut(task, hmm)
    return seq
  },

  readRetry: (task, mirror, seq) => readRetry(task, mirrorSub(mirror), seq),
}
