/**
 * Telling events to mirrors (hmm_update, 2016), and the end of a mirror.
 *
 *     the address space has ended: nothing to do
 *     device faults on these pages give way                          hmm/activefault.ts
 *     list of mirrors, for reading: for each mirror
 *       driver's update()                                            the device lets go
 *       HMM's half on the table, also when update() failed           hmm/mirrorupdate.ts
 *     one failed: it is killed, and all are told again
 *
 * A mirror is killed once: HMM_MUNMAP over everything, then release(). The list is held for writing all the while, so that no event
 * passes between the unlinking and the last flush, and that nobody returns from a second killing before release() has returned:
 *
 *     failing update                           munmap of page P
 *     list, for writing
 *       unlinks the mirror
 *                                              start: list, for reading: waits
 *       HMM_MUNMAP: the device lets go of P
 *       release()
 *     unlock
 *                                              finds no mirror; P is freed        [Required: after the device let go]
 *
 * So release() must not unregister a mirror: it would wait for itself.
 */
import { EAGAIN, EIO, ENOMEM } from '../memory/errno.ts'
import { CLASSIC_OPS, type ClassicOps } from '../notifier/classic.ts'
import { assert } from '../seam/error.ts'
import { lookupOp, registerOp } from '../seam/optable.ts'
import { get } from '../seam/plain.ts'
import { KEEP_DIRECTORIES_MS_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { waitDeviceFault } from './activefault.ts'
import { HMM_MUNMAP, type HmmEvent, hmmEventInit, VM_END } from './event.ts'
import {
  firstMirror,
  HMM_NOTIFIER,
  type Hmm,
  hmmOfNotifier,
  hmmStop,
  hmmStopped,
  hmmUnlink,
  lockMirrors,
  lockMirrorsShared,
  unlockMirrors,
  unlockMirrorsShared,
} from './eventhmm.ts'
import { eventOf } from './eventsource.ts'
import { type Mirror, mirrorDevice, mirrorEventNextAt, mirrorKill, mirrorTable, NO_MIRROR } from './mirror.ts'
import { MIRROR_OPS, type MirrorOps } from './mirrorops.ts'
import { hmmMirrorUpdatePt, updateError } from './mirrorupdate.ts'
import { pruneInside } from './table.ts'

/** Registers HMM's callbacks in this worker, and what it calls of the driver of `device`. */
export function registerMirrorOps(task: Task, device: number, ops: MirrorOps): void {
  registerOp(task, MIRROR_OPS, device, ops)
  registerOp(task, CLASSIC_OPS, HMM_NOTIFIER, NOTIFIER)
}

/** Calls a driver's update(); an error that is none of those it may return becomes -EIO. */
export function callUpdate(task: Task, mirror: Mirror, event: HmmEvent): number {
  const result = lookupOp(task, MIRROR_OPS, mirrorDevice(task, mirror)).update(task, mirror, event)
  return updateError(result, event.blockable ? [ENOMEM, EIO] : [ENOMEM, EIO, EAGAIN])
}

/**
 * Tells an event to every mirror. False: refused, only where the event is not blockable; devices that were told stay told, which is
 * no more than a change too many.
 */
export function hmmUpdate(task: Task, hmm: Hmm, event: HmmEvent): boolean {
  if (!waitDeviceFault(task, hmm, event)) return false
  for (;;) {
    if (!lockMirrorsShared(task, hmm, event.blockable)) return false
    const failed = hmmStopped(task, hmm) ? NO_MIRROR : updateEach(task, hmm, event)
    unlockMirrorsShared(task, hmm)
    if (failed === NO_MIRROR) return true
    if (!event.blockable) return false // killing sleeps: who may not sleep asks for the whole to be done by who may
    hmmMirrorKill(task, hmm, failed)
  }
}

/** The first mirror whose driver failed, or NO_MIRROR. List held. */
function updateEach(task: Task, hmm: Hmm, event: HmmEvent): Mirror {
  for (let mirror = firstMirror(task, hmm); mirror !== NO_MIRROR; mirror = get(task, mirrorEventNextAt(mirror)) as Mirror) {
    const result = callUpdate(task, mirror, event)
    if (result === -EAGAIN) return mirror // nothing was done to this one, so its table stays as well
    hmmMirrorUpdatePt(task, mirror, event, result)
    forgetUnmapped(task, mirror, event)
    if (result !== 0) return mirror
  }
  return NO_MIRROR
}

/** Directories that a delayed reclaim keeps do not outlive the areas they were for. */
function forgetUnmapped(task: Task, mirror: Mirror, event: HmmEvent): void {
  if (event.etype !== HMM_MUNMAP || task.words[KEEP_DIRECTORIES_MS_AT] === 0) return
  pruneInside(task, mirrorTable(task, mirror), event.start, event.end - 1)
}

/**
 * Ends a mirror: faults on it are refused, events no longer reach it, the device holds nothing, release() was called. Again: waits
 * until that is so. Not with a lock that a driver's callback takes, not from release(); sleeps.
 */
export function hmmMirrorKill(task: Task, hmm: Hmm, mirror: Mirror): void {
  mirrorKill(task, mirror)
  waitDeviceFault(task, hmm, everything(), mirror)
  lockMirrors(task, hmm)
  if (hmmUnlink(task, hmm, mirror)) end(task, mirror)
  unlockMirrors(task, hmm)
}

/** The mirror is off the list. List held for writing. */
function end(task: Task, mirror: Mirror): void {
  const ops = lookupOp(task, MIRROR_OPS, mirrorDevice(task, mirror))
  const event = everything()
  hmmMirrorUpdatePt(task, mirror, event, callUpdate(task, mirror, event))
  ops.flush(task, mirror) // a driver that failed may have failed to do it
  ops.release(task, mirror)
}

function everything(): HmmEvent {
  const event = hmmEventInit(0, VM_END, HMM_MUNMAP)
  assert(typeof event !== 'number', 'everything is not empty')
  return event
}

/** HMM does nothing at the end of an invalidation: the notifier core knows which are running. */
const NOTIFIER: ClassicOps = {
  start(task, notifier, range) {
    const event = eventOf(task, range)
    return event === null || hmmUpdate(task, hmmOfNotifier(task, notifier), event)
  },

  release(task, notifier) {
    const hmm = hmmOfNotifier(task, notifier)
    lockMirrors(task, hmm)
    hmmStop(task, hmm)
    for (let mirror = firstMirror(task, hmm); mirror !== NO_MIRROR; mirror = firstMirror(task, hmm)) {
      mirrorKill(task, mirror)
      hmmUnlink(task, hmm, mirror)
      end(task, mirror)
    }
    unlockMirrors(task, hmm)
  },
}
