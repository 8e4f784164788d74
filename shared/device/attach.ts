/**
 * Opening and closing a device for an address space.
 *
 *   attach   mirror record, subscription over the whole address space, driver's attach, instance number: only the last step
 *            lets the hardware see it
 *   detach   instance number gone, engine flushed out; driver's close; subscription removed; table emptied; reference dropped
 *   last     driver's detach, record freed: on the closing cpu, or on the service if it was still at a fault of this mirror
 *
 *     engine                                   detach
 *     INSIDE, loads the instance register
 *                                              clears it, bumps the flush generation, waits for INSIDE
 *     walks the mirror's table
 *     OUTSIDE
 *                                              frees the mirror                   [Required: after the walk]
 */

import {
  createMirror,
  type Mirror,
  mirrorDevice,
  mirrorInstance,
  mirrorKill,
  mirrorLock,
  mirrorSetAccepted,
  mirrorSetInstance,
  mirrorUnlock,
  NO_MIRROR,
} from '../hmm/mirror.ts'
import { mirrorDiscard } from '../hmm/mirrortable.ts'
import { protocolOf } from '../hmm/protocol.ts'
import { EBUSY, ENOMEM } from '../memory/errno.ts'
import { LAST_VPN } from '../mm/vma.ts'
import type { Mm } from '../notifier/mmhead.ts'
import type { Task } from '../seam/task.ts'
import { flushDeviceTlb } from './devicetlb.ts'
import { setUpKeeping } from './keeper.ts'
import { freeInstance, getMirrorOf, lockDevice, setInstance, unlockDevice } from './record.ts'
import { deviceJoin, deviceLeave } from './registration.ts'
import { boundDriver } from './registry.ts'

/**
 * Opens `device` for `mm`. Returns the mirror, whose reference is the opener's until detach; or a negative errno: -EBUSY when
 * the device mirrors this mm already or has no instance left, -ENOMEM, -ENODEV when it is unregistered, -EINVAL when the
 * mm is gone, or what the driver says. Caller is a user of the mm and holds no lock. May sleep.
 */
export function attachDevice(task: Task, device: number, mm: Mm): Mirror | number {
  const there = getMirrorOf(task, device, mm)
  if (there !== NO_MIRROR) {
    putMirror(task, there)
    return -EBUSY
  }
  const gone = deviceJoin(task, device)
  if (gone !== 0) return gone
  const mirror = createMirror(task, device, mm)
  if (mirror === NO_MIRROR) {
    deviceLeave(task, device)
    return -ENOMEM
  }
  setUpKeeping(task, device, mirror)
  const subscribed = protocolOf(task).subscribe(task, mirror)
  if (subscribed !== 0) {
    putMirror(task, mirror)
    return subscribed
  }
  const refused = boundDriver(task, device).attach(mirror)
  if (refused === 0) mirrorSetAccepted(task, mirror)
  if (refused === 0 && register(task, device, mirror)) return mirror
  withdraw(task, mirror)
  putMirror(task, mirror)
  return refused === 0 ? -EBUSY : refused
}

function register(task: Task, device: number, mirror: Mirror): boolean {
  lockDevice(task, device)
  const instance = freeInstance(task, device)
  if (instance >= 0) {
    mirrorSetInstance(task, mirror, instance)
    setInstance(task, device, instance, mirror)
  }
  unlockDevice(task, device)
  return instance >= 0
}

/** Closes a device for an address space, which may be gone already. Drops the opener's reference. No lock held; may sleep. */
export function detachDevice(task: Task, mirror: Mirror): void {
  const device = mirrorDevice(task, mirror)
  mirrorKill(task, mirror)
  lockDevice(task, device)
  setInstance(task, device, mirrorInstance(task, mirror), NO_MIRROR)
  unlockDevice(task, device)
  flushDeviceTlb(task, device)
  boundDriver(task, device).close(mirror)
  withdraw(task, mirror)
  putMirror(task, mirror)
}

/** Drops a reference to a mirror; the last one ends it. May call the driver's detach: no lock held. */
export function putMirror(task: Task, mirror: Mirror): void {
  boundDriver(task, mirrorDevice(task, mirror)).putMirror(mirror)
}

/** No callback after this, and nothing in the table. A service that still works on a fault finds the mirror dead. */
function withdraw(task: Task, mirror: Mirror): void {
  protocolOf(task).withdraw(task, mirror)
  mirrorLock(task, mirror)
  mirrorDiscard(task, mirror, 0, LAST_VPN)
  mirrorUnlock(task, mirror)
}
