/**
 * An adapter with on-demand paging on one thread: its hardware, its page requests and its verbs step by step, in any era.
 *
 *     const nic = adapter('sequence')
 *     area(nic.task, nic.mm, A, 4, RW)
 *     nic.verb('reg_mr', A, 4, RIGHTS.rw)                 // 'ok'
 *     nic.touch(A, 'write')                               // 'ok': asked for, served, written
 *     nic.has(A, 4)                                       // ['rw', '-', '-', '-']
 *     nic.close()                                         // [] when everything was returned
 */
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { NO_TRANSLATION, TOUCH, tryAccess } from '../../shared/device/engine.ts'
import { DEVICE_ACCESS, type DeviceContext, type Driver, type Mirror } from '../../shared/device/index.ts'
import { deviceIommu, workRing } from '../../shared/device/record.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import { regionStart } from '../../shared/drivers/odp/region.ts'
import { eachRegion } from '../../shared/drivers/odp/regions.ts'
import odp from '../../shared/drivers/odp.ts'
import { FRAME_DIRTY, frameClearFlags, frameFlags, NO_FRAME } from '../../shared/frame/frames.ts'
import { iommuMappings, iommuTranslate } from '../../shared/frame/iommu.ts'
import type { Era } from '../../shared/hmm/era.ts'
import { mirrorInstance } from '../../shared/hmm/mirror.ts'
import { MIRROR_HW_READ, MIRROR_HW_WRITE, mirrorPteDma, mirrorValid, mirrorWritable } from '../../shared/hmm/mirrorpte.ts'
import { mirrorIterator, mirrorPeek } from '../../shared/hmm/mirrortable.ts'
import { errnoName } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { LAST_VPN } from '../../shared/mm/vma.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { get } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'
import { ringConsume, ringPeek } from '../../shared/sync/ring.ts'
import { frameOf, newSpace } from './addressspace.ts'
import { type Solo, solo } from './solo.ts'

/** Rights of a region, as reg_mr has them. */
export const RIGHTS = { r: 1, rw: 3, w: 2, none: 0 } as const

const TOUCHES = { read: TOUCH.read, write: TOUCH.write, atomic: TOUCH.add } as const
export type Access = keyof typeof TOUCHES

export interface Adapter {
  readonly solo: Solo
  readonly task: Task
  readonly mm: Mm
  readonly mirror: Mirror
  readonly dev: DeviceContext
  /** An ioctl: `ok`, `ok cpages=N` of a prefetch, or the name of the error. */
  verb(cmd: string, start: number, pages: number, low?: number): string
  /** A page request, as the service has it from the fault buffer: 0 or a negative errno. `task` serves it. */
  request(vpn: number, access: Access, task?: Task): number
  /** One access of the hardware, with the page request that it needs: 'ok', or the error that ended it. Writes and adds 7. */
  touch(vpn: number, access: Access): string
  /** One access without a request: 'ok' or 'fault'. */
  reach(vpn: number, access: Access): string
  /** What the hardware has of pages: `rw`, `ro`, `-`. */
  has(start: number, pages: number): string[]
  /** Pages that are mapped in the IOMMU. */
  mapped(): number
  /** First pages of the regions that are listed, but for the implicit one. */
  regions(): number[]
  /** Has the service do its queued work. Returns how many items there were. */
  work(): number
  /** Takes the dirty flag of the CPU's page. */
  wasDirty(vpn: number): boolean
  /** Ends the address space while the device still mirrors it. */
  exit(): void
  /** Closes the device while the address space lives on. */
  closeDevice(): void
  /** Closes everything; what was not returned. */
  close(): string[]
}

export function adapter(era: Era = 'sequence', driver: Driver = odp): Adapter {
  const machine = solo({ era, drivers: [driver] })
  const { task } = machine
  const mm = newSpace(task)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const bound = boundDriver(task, 0)
  const engine = machine.other(2) // behind cpus 0 and 1
  let alive = true
  let open = true
  const reach = (vpn: number, access: Access) => tryAccess(engine, 0, mirrorInstance(task, mirror), vpn, 0, TOUCHES[access], 7, 0)
  const request = (vpn: number, access: Access, by = task) =>
    boundDriver(by, 0).serviceFault(mirror, { vpn, access: DEVICE_ACCESS[access], stamp: 0 })
  const exit = () => {
    switchMm(task, NO_MM)
    mmPut(task, mm)
    alive = false
  }
  const closeDevice = () => {
    detachDevice(task, mirror)
    open = false
  }
  return {
    solo: machine,
    task,
    mm,
    mirror,
    dev: bound.dev,
    request,
    exit,
    verb(cmd, start, pages, low = 0) {
      const { errno, cpages } = bound.ioctl(mirror, { cmd, start, pages, low })
      if (errno !== 0) return errnoName(errno)
      return cmd.startsWith('prefetch') ? `ok cpages=${cpages}` : 'ok'
    },
    touch(vpn, access) {
      for (let tries = 0; tries < 3; tries++) {
        const status = reach(vpn, access)
        if (status !== NO_TRANSLATION) return status === 0 ? 'ok' : errnoName(status)
        const refused = request(vpn, access)
        if (refused !== 0) return errnoName(refused)
      }
      return 'asks for ever'
    },
    reach: (vpn, access) => (reach(vpn, access) === 0 ? 'ok' : 'fault'),
    has: (start, pages) => Array.from({ length: pages }, (_, i) => entryOf(task, mm, mirror, start + i)),
    mapped: () => iommuMappings(task, deviceIommu(task, 0)),
    regions() {
      const found: number[] = []
      bound.dev.lock(mirror)
      eachRegion(bound.dev, mirror, 0, LAST_VPN, (region) => found.push(regionStart(bound.dev, region)))
      bound.dev.unlock(mirror)
      return found.sort((a, b) => a - b)
    },
    work() {
      const ring = workRing(task, 0)
      let items = 0
      for (let slot = ringPeek(task, ring); slot !== 0; slot = ringPeek(task, ring)) {
        const item = { kind: get(task, slot), args: [1, 2, 3, 4, 5, 6].map((i) => get(task, slot + i)) }
        ringConsume(task, ring, 1)
        bound.work(item)
        items++
      }
      return items
    },
    wasDirty(vpn) {
      const frame = frameOf(task, mm, vpn)
      const dirty = (frameFlags(task, frame) & FRAME_DIRTY) !== 0
      frameClearFlags(task, frame, FRAME_DIRTY)
      return dirty
    },
    closeDevice,
    close() {
      if (open) closeDevice()
      if (alive) exit()
      return machine.leftovers()
    },
  }
}

/** What the hardware finds for a page: the entry, what it is shown of it (era events), and what the IOMMU says to its address. */
function entryOf(task: Task, mm: Mm, mirror: Mirror, vpn: number): string {
  const iterator = mirrorIterator(task, mirror)
  const pte = mirrorPeek(task, iterator, vpn)
  iterator.finish()
  if (!mirrorValid(pte)) return '-'
  const shown = boundDriver(task, 0).dev.era !== 'events' || (pte & MIRROR_HW_READ) !== 0
  const page = mirrorPteDma(pte)
  if (!shown || iommuTranslate(task, deviceIommu(task, 0), page, false) !== frameOf(task, mm, vpn)) return '?'
  const write = mirrorWritable(pte) && (boundDriver(task, 0).dev.era !== 'events' || (pte & MIRROR_HW_WRITE) !== 0)
  if (!write) return 'ro'
  return iommuTranslate(task, deviceIommu(task, 0), page, true) === NO_FRAME ? '?' : 'rw'
}
