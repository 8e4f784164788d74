/**
 * A machine of era events on one thread, with devices that note what they are told. For tests of the tables of 2016, row by row.
 *
 *     const machine = eventMachine()
 *     area(machine.task, machine.mm, A, 4, RW)
 *     machine.fault(0, HMM_DEVICE_WRITE_FAULT, A, 1)      // 0
 *     machine.told()                                      // ['0: HMM_DEVICE_WRITE_FAULT 0..0']
 *     machine.entry(0, A)                                 // 'rw shown'
 *     machine.access(0, A, 'write')                       // 'ok'
 *     machine.close()                                     // [] when everything was returned
 */
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { NO_TRANSLATION, TOUCH, tryAccess } from '../../shared/device/engine.ts'
import {
  type DeviceContext,
  type Driver,
  etypeName,
  type HmmEvent,
  isDeviceFault,
  type Mirror,
} from '../../shared/device/index.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import { FRAME_DIRTY, type Frame, frameClearFlags, frameFlags } from '../../shared/frame/frames.ts'
import { VM_END } from '../../shared/hmm/event.ts'
import { mirrorInstance } from '../../shared/hmm/mirror.ts'
import { MIRROR_DIRTY, MIRROR_HW_READ, MIRROR_HW_WRITE, mirrorValid, mirrorWritable } from '../../shared/hmm/mirrorpte.ts'
import { mirrorIterator, mirrorPeek } from '../../shared/hmm/mirrortable.ts'
import { EAGAIN, errnoName } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, frameOf, newSpace } from './addressspace.ts'
import { type Solo, type SoloOptions, solo } from './solo.ts'

/** What a device does beside noting: an answer to update() that is not 0, or a look around in it. */
export interface Manners {
  readonly answer?: (event: HmmEvent, dev: DeviceContext, mirror: Mirror) => number
  /** Added to the note. */
  readonly look?: (event: HmmEvent, dev: DeviceContext, mirror: Mirror) => string
  /** With memory of its own: answers of copyToDevice() and copyFromDevice(), or a frame number -1 for pages they leave out. */
  readonly copies?: { readonly to?: number; readonly from?: number; readonly loses?: boolean }
  /** HMM maps for the device what it fills. */
  readonly behindIommu?: boolean
  readonly onRelease?: (dev: DeviceContext, mirror: Mirror) => void
}

export interface EventMachine {
  readonly solo: Solo
  readonly task: Task
  readonly mm: Mm
  readonly mirrors: readonly Mirror[]
  /** Takes the notes: `DEVICE: TYPE first..last`, pages counted from A; `DEVICE: release`. */
  told(): string[]
  /** A device fault, as its driver's fault service asks for it: 'ok' or the name of the error. */
  fault(device: number, etype: number, start: number, pages?: number): string
  /** The mirror's entry: `-`, or `ro`, `rw`, with `dirty`, and `shown` (to the hardware), `shown ro` or `hidden`. */
  entry(device: number, vpn: number): string
  /** One access of the device's hardware: 'ok', 'fault' without a translation, or the name of an error. */
  access(device: number, vpn: number, kind: 'read' | 'write'): string
  /** Takes the dirty flag of the CPU's page. */
  pageWasDirty(vpn: number): boolean
  /** Closes the devices and the address space; what was not returned. */
  close(): string[]
}

export function eventMachine(manners: readonly Manners[] = [{}], options: SoloOptions = {}): EventMachine {
  const notes: string[] = []
  const machine = solo({ era: 'events', drivers: manners.map((own, device) => noting(own, device, notes)), ...options })
  const { task } = machine
  const mm = newSpace(task)
  const mirrors = manners.map((_, device) => attachDevice(task, device, mm) as Mirror)
  return {
    solo: machine,
    task,
    mm,
    mirrors,
    told: () => notes.splice(0),
    fault(device, etype, start, pages = 1) {
      const { dev } = boundDriver(task, device)
      return outcome(dev.mirrorFault(mirrors[device] as Mirror, { etype, start, end: start + pages }))
    },
    entry: (device, vpn) => entryText(task, mirrors[device] as Mirror, vpn),
    access(device, vpn, kind) {
      const engine = machine.other(2 + device) // behind cpus 0 and 1
      const instance = mirrorInstance(task, mirrors[device] as Mirror)
      const touch = kind === 'read' ? TOUCH.read : TOUCH.write
      const status = tryAccess(engine, device, instance, vpn, 0, touch, 7, 0)
      return status === NO_TRANSLATION ? 'fault' : outcome(status)
    },
    pageWasDirty(vpn) {
      const frame = frameOf(task, mm, vpn)
      const dirty = (frameFlags(task, frame) & FRAME_DIRTY) !== 0
      frameClearFlags(task, frame, FRAME_DIRTY)
      return dirty
    },
    close() {
      for (const mirror of mirrors) detachDevice(task, mirror)
      switchMm(task, NO_MM)
      mmPut(task, mm)
      return machine.leftovers()
    },
  }
}

function noting({ answer, look, onRelease, copies, behindIommu = false }: Manners, device: number, notes: string[]): Driver {
  return {
    ...(copies === undefined ? {} : copying(copies)),
    name: `device ${device}`,
    behindIommu,
    invalidate: () => true,
    update(dev, mirror, event) {
      const page = (vpn: number) => (vpn === VM_END - 1 ? 'end' : `${vpn - A}`)
      const span = event.start === 0 && event.end === VM_END ? 'everything' : `${page(event.start)}..${page(event.end - 1)}`
      const seen = look === undefined ? '' : `: ${look(event, dev, mirror)}`
      notes.push(`${device}: ${etypeName(event.etype)} ${span}${seen}`)
      const refused = answer?.(event, dev, mirror) ?? 0
      if (refused !== 0) return refused
      if (event.blockable) dev.lock(mirror)
      else if (!dev.tryLock(mirror)) return -EAGAIN
      if (isDeviceFault(event.etype)) dev.publish(mirror, event)
      else dev.withdraw(mirror, event)
      dev.unlock(mirror)
      return 0
    },
    release(dev, mirror) {
      notes.push(`${device}: release`)
      onRelease?.(dev, mirror)
    },
  }
}

/** Copies what it has room for; what it took before it fails is the runtime's to give back. */
function copying({ to = 0, from = 0, loses = false }: NonNullable<Manners['copies']>): Partial<Driver> {
  return {
    copyToDevice(dev, _mirror, _event, src, dst) {
      for (const [i, frame] of src.entries()) {
        if (frame < 0) continue
        dst[i] = dev.memory.allocPage()
        if ((dst[i] as number) >= 0) dev.memory.copyPage(dst[i] as Frame, frame as Frame)
      }
      return to
    },
    copyFromDevice(dev, _mirror, _event, src, dst) {
      for (const [i, frame] of src.entries()) {
        if (loses) dst[i] = -1
        else dev.memory.copyPage(dst[i] as Frame, frame as Frame)
      }
      return from
    },
  }
}

function outcome(status: number): string {
  return status === 0 ? 'ok' : errnoName(status)
}

/** As EventMachine.entry, also from inside update(). */
export function entryText(task: Task, mirror: Mirror, vpn: number): string {
  const iterator = mirrorIterator(task, mirror)
  const pte = mirrorPeek(task, iterator, vpn)
  iterator.finish()
  if (!mirrorValid(pte)) return '-'
  const shown =
    (pte & MIRROR_HW_READ) === 0 ? 'hidden' : (pte & MIRROR_HW_WRITE) === 0 && mirrorWritable(pte) ? 'shown ro' : 'shown'
  return `${mirrorWritable(pte) ? 'rw' : 'ro'}${(pte & MIRROR_DIRTY) === 0 ? '' : ' dirty'} ${shown}`
}
