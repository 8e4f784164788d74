/**
 * A device that mirrors an address space, on one thread: its driver takes pages away when it is told to, and notes what it was told. For
 * tests of ranges, which go through the calls of shared/hmm one by one.
 */
import { attachDevice } from '../../shared/device/attach.ts'
import { type Driver, defineDriver } from '../../shared/device/contract.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { eventName } from '../../shared/notifier/events.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A } from './addressspace.ts'

/** A driver that does what it must, and calls `told` first. False from it refuses, where that is allowed. */
export function recordingDriver(told: (text: string) => boolean = () => true): Driver {
  return defineDriver({
    name: 'records',
    invalidate(dev, mirror, range, seq) {
      const last = dev.last(range)
      const span = `${dev.start(range) - A}..${last === 0xffffffff ? 'end' : last - A}`
      if (!told(`${eventName(dev.event(range))} ${span}`) && !dev.blockable(range)) return false
      if (dev.blockable(range)) dev.lock(mirror)
      else if (!dev.tryLock(mirror)) return false
      dev.setSeq(mirror, seq)
      dev.unmap(mirror, dev.start(range), last)
      dev.unlock(mirror)
      return true
    },
    release(_dev, _mirror) {
      told('release')
    },
  })
}

/** One that notes nothing. */
export const RECORDS = recordingDriver()

/** Opens device `device` for `mm`. */
export function open(task: Task, mm: Mm, device = 0): Mirror {
  const mirror = attachDevice(task, device, mm)
  assert(mirror > 0, 'the device is opened')
  return mirror as Mirror
}
