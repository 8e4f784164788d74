/**
 * Devices that take part (hmm_device_register, hmm_device_unregister, 2016). Every device of a machine is registered when the machine is
 * laid out; one that is taken away may not have mirrors, and mirrors nothing until it is registered again.
 *
 *   state            register     unregister    a new mirror
 *   registered       -EINVAL      0: gone       counted
 *   has mirrors      -EINVAL      -EBUSY        counted
 *   gone             0            -EINVAL       -ENODEV
 *
 * A mirror counts from before anything knows it until its record is freed: a service that is still at one of its faults counts, too.
 */
import { EBUSY, EINVAL, ENODEV } from '../memory/errno.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { deviceGoneAt, deviceMirrorsAt, lockDevice, unlockDevice } from './record.ts'
import { endUseList } from './uselist.ts'

/** Makes a device that was unregistered take part again. 0, or -EINVAL when it does already. */
export function deviceRegister(task: Task, device: number): number {
  return underLock(task, device, () => {
    if (get(task, deviceGoneAt(task, device)) === 0) return -EINVAL
    put(task, deviceGoneAt(task, device), 0)
    return 0
  })
}

/** Takes a device away: 0; -EBUSY while it has mirrors; -EINVAL when it is gone already. */
export function deviceUnregister(task: Task, device: number): number {
  return underLock(task, device, () => {
    if (get(task, deviceGoneAt(task, device)) !== 0) return -EINVAL
    if (get(task, deviceMirrorsAt(task, device)) > 0) return -EBUSY
    put(task, deviceGoneAt(task, device), 1)
    return 0
  })
}

/** Counts a mirror that is about to be made. 0, or -ENODEV. */
export function deviceJoin(task: Task, device: number): number {
  return underLock(task, device, () => {
    if (get(task, deviceGoneAt(task, device)) !== 0) return -ENODEV
    put(task, deviceMirrorsAt(task, device), get(task, deviceMirrorsAt(task, device)) + 1)
    return 0
  })
}

/** A counted mirror is no more, or was never made. With the last one goes the list of the device's frames. */
export function deviceLeave(task: Task, device: number): void {
  underLock(task, device, () => {
    const left = get(task, deviceMirrorsAt(task, device)) - 1
    put(task, deviceMirrorsAt(task, device), left)
    if (left === 0) endUseList(task, device)
    return 0
  })
}

function underLock(task: Task, device: number, step: () => number): number {
  lockDevice(task, device)
  const result = step()
  unlockDevice(task, device)
  return result
}
