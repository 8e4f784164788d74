/**
 * One thread, one address space, one device's mirror of it, and nobody else: what the protocol costs when nothing is in its way.
 * The loop of a driver is done here in two ways, with the same steps as in the C program that the figures are held against:
 *
 *     register · wait until valid · mmap_sem · area, snapshot, requests · update lock · still valid? · mirror entries · all back
 *
 *     mirrorRange          by dev.mirrorRange, which is all of it
 *     mirrorRangeBySteps   by one call for each step, as a driver does that has something of its own to do between them
 *
 * The thread is a cpu actor of its own machine; engine and service of the device never run, so a flush of its TLB waits for nobody.
 */
import { layMachine } from '../shared/actor/machine.ts'
import { attachDevice, detachDevice } from '../shared/device/attach.ts'
import { DeviceContext } from '../shared/device/context.ts'
import { HMM_DEVICE_WRITE_FAULT } from '../shared/device/index.ts'
import { registerDriver } from '../shared/device/registry.ts'
import svm, { SVM_FORMAT } from '../shared/drivers/svm.ts'
import type { Era } from '../shared/hmm/era.ts'
import type { Mirror } from '../shared/hmm/mirror.ts'
import { mirrorPteFrame, mirrorValid, mirrorWritable } from '../shared/hmm/mirrorpte.ts'
import { PAGE_BYTES } from '../shared/memory/words.ts'
import { cpuEntry } from '../shared/mm/cpuentry.ts'
import { mmPut } from '../shared/mm/exit.ts'
import { ADVICE, madvise } from '../shared/mm/madvise.ts'
import { createMm, registerMm } from '../shared/mm/mm.ts'
import { mmap, PLACE_FIXED } from '../shared/mm/mmap.ts'
import { pteFrame, ptePresent } from '../shared/mm/pte.ts'
import { VM_EXEC, VM_READ, VM_WRITE } from '../shared/mm/vma.ts'
import type { Mm } from '../shared/notifier/mmhead.ts'
import { hostNowNs } from '../shared/seam/clock.ts'
import { HmmError } from '../shared/seam/error.ts'
import { Task } from '../shared/seam/task.ts'

/** Pages of one leaf table: what one operation is about where nothing else is said. */
export const RANGE_PAGES = 512
/** First page that the benchmarks map: at the start of a leaf table. */
export const BASE = 65536
export const RW = VM_READ | VM_WRITE

export interface SoloOptions {
  readonly era: Era
  /** Pages that will be mapped. */
  readonly pages: number
  /** Frames of the device's own memory. Default: it has none. */
  readonly deviceFrames?: number
  /** Bytes of the buffer beyond those of the pages; a quarter of all are for records. Default 64 MiB. */
  readonly moreBytes?: number
}

/** One thread's machine, with everything that a benchmark on it needs. */
export interface Solo {
  readonly task: Task
  readonly mm: Mm
  readonly mirror: Mirror
  readonly dev: DeviceContext
  /** Maps pages, and faults them in. */
  map(vpn: number, pages: number, rights?: number): void
  /** Drops pages: the next touch finds none. */
  drop(vpn: number, pages: number): void
  /** Maps `areas` areas more around those pages, half of them on each side, which do not merge with what is beside them. */
  surround(vpn: number, pages: number, areas: number): void
  /** One pass of the driver's loop; era events: one fault of the device. Throws when not every page was filled and installed. */
  mirrorRange(vpn: number, pages: number): void
  /** The same step by step. Era events: as mirrorRange. */
  mirrorRangeBySteps(vpn: number, pages: number): void
  /** How many of the pages the mirror has for writing, in the very frames that the CPU has. */
  mirrored(vpn: number, pages: number): number
  /** Takes the pages from the device, as a callback does. */
  unmirror(vpn: number, pages: number): void
  close(): void
}

export function openSolo({ era, pages, deviceFrames = 0, moreBytes = 64 * 2 ** 20 }: SoloOptions): Solo {
  const bytes = (pages + deviceFrames) * PAGE_BYTES * 1.5 + moreBytes
  const { buffer } = layMachine(
    {
      cpus: 1,
      notifiers: 0,
      devices: 1,
      deviceFrames: [deviceFrames],
      bytes: Math.ceil(bytes / 65536) * 65536,
      notify: 'inline',
      era,
      checked: false,
      noise: 0,
      seed: 1,
      cores: 2,
    },
    hostNowNs,
  )
  const task = new Task({ buffer, actor: 0, nowNs: hostNowNs })
  registerMm(task)
  registerDriver(task, 0, svm)
  const mm = createMm(task, 0)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const dev = new DeviceContext(task, 0, svm)
  const range = dev.createRange(RANGE_PAGES, SVM_FORMAT)
  dev.rangeRequest(range, SVM_FORMAT.valid | SVM_FORMAT.write)

  /** The loop of a driver, in eras that have ranges. */
  function mirrorRange(vpn: number, count: number): void {
    const installed = dev.mirrorRange(range, mirror, vpn, count, 0)
    // A benchmark that measured something else than installed pages is wrong, not fast.
    if (installed !== count) throw unlike(`of a range of ${count} pages ${installed} were installed`)
  }

  function mirrorRangeBySteps(vpn: number, count: number): void {
    const registered = dev.rangeRegister(range, mirror, vpn, count)
    if (registered !== 0) throw unlike(`a range of ${count} pages was not registered: errno ${-registered}`)
    dev.rangeWait(range)
    dev.mmapReadLock(mirror)
    const filled = dev.rangeFault(range)
    dev.mmapReadUnlock(mirror)
    dev.lock(mirror)
    const installed = dev.rangeValid(range) ? dev.install(range) : -1
    dev.unlock(mirror)
    dev.rangeUnregister(range)
    if (filled !== count || installed !== count)
      throw unlike(`of a range of ${count} pages ${filled} were filled and ${installed} installed`)
  }

  /** Era events: HMM fills the table, area by area, and the driver's update() shows the entries to the hardware. */
  function mirrorFault(vpn: number, count: number): void {
    const end = vpn + count
    for (let start = vpn; start < end; ) {
      const event = { etype: HMM_DEVICE_WRITE_FAULT, start, end }
      const served = dev.mirrorFault(mirror, event)
      if (served !== 0 || event.end <= start) throw unlike(`a fault of ${count} pages was not served: errno ${-served}`)
      start = event.end
    }
  }

  return {
    task,
    mm,
    mirror,
    dev,
    map(vpn, count, rights = RW) {
      const mapped =
        mmap(task, mm, vpn, count, rights, PLACE_FIXED) >= 0 && madvise(task, mm, vpn, count, ADVICE.populateWrite) === 0
      if (!mapped) throw unlike(`no memory to map ${count} pages`)
    },
    drop(vpn, count) {
      if (madvise(task, mm, vpn, count, ADVICE.dontneed) !== 0) throw unlike(`${count} pages were not dropped`)
    },
    surround(vpn, count, areas) {
      for (let i = 0; i < areas; i++) {
        const start = i % 2 === 0 ? vpn + count * (1 + i / 2) : vpn - count * ((i + 1) / 2)
        const rights = Math.floor(i / 2) % 2 === 0 ? RW | VM_EXEC : RW
        if (mmap(task, mm, start, count, rights, PLACE_FIXED) < 0) throw unlike(`no area of ${count} pages at ${start}`)
      }
    },
    mirrorRange: era === 'events' ? mirrorFault : mirrorRange,
    mirrorRangeBySteps: era === 'events' ? mirrorFault : mirrorRangeBySteps,
    mirrored(vpn, count) {
      const iterator = dev.iterate(mirror)
      let found = 0
      for (let page = vpn; page < vpn + count; page++) {
        const pte = dev.entry(iterator, page)
        const cpu = cpuEntry(task, mm, page)
        if (mirrorValid(pte) && mirrorWritable(pte) && ptePresent(cpu) && mirrorPteFrame(pte) === pteFrame(cpu)) found++
      }
      iterator.finish()
      return found
    },
    unmirror(vpn, count) {
      dev.lock(mirror)
      dev.unmap(mirror, vpn, vpn + count - 1)
      dev.unlock(mirror)
    },
    close() {
      dev.freeRange(range)
      mmPut(task, mm)
      detachDevice(task, mirror)
    },
  }
}

/** What a benchmark throws that did not do what it is to measure. */
export function unlike(why: string): HmmError {
  return new HmmError('HMM_ERR_BENCH', why)
}
