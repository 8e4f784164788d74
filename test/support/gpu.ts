/**
 * A device of the svm family with memory of its own, on one thread: its service is called fault by fault, and its engine's place is taken
 * by looks at the mirror. Time stands still unless a test moves it.
 */
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { DEVICE_ACCESS, replayFaults } from '../../shared/device/faultbuffer.ts'
import { boundDriver } from '../../shared/device/registry.ts'
import svm from '../../shared/drivers/svm.ts'
import { FRAME_DEVICE, frameFlags } from '../../shared/frame/frames.ts'
import type { Era } from '../../shared/hmm/era.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { type MirrorPte, mirrorPteFrame, mirrorValid, mirrorWritable } from '../../shared/hmm/mirrorpte.ts'
import { errnoName } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { readStat, type StatName } from '../../shared/seam/stats.ts'
import { ACTOR_COUNT_AT } from '../../shared/seam/superblock.ts'
import { A, newSpace } from './addressspace.ts'
import { type Solo, solo } from './solo.ts'

export interface GpuOptions {
  /** Pages of each device's memory. */
  readonly memory: readonly number[]
  readonly policy?: unknown
  readonly era?: Era
}

export interface Gpu extends Solo {
  readonly mm: Mm
  readonly mirrors: readonly Mirror[]
  /** The service serves a fault on page A + i: `ok`, `wait N us`, or an errno's name. */
  fault(i: number, access?: keyof typeof DEVICE_ACCESS, device?: number): string
  /** The engine tries again: what was served before counts as used. */
  replay(device?: number): void
  /** What the device maps of pages A + first and on: `dev` or `sys`, with `rw` or `ro`; `-`. */
  mapped(first: number, pages: number, device?: number): string[]
  /** Moves the clock. */
  pass(us: number): void
  count(name: StatName): number
  /** Ends everything: what was not returned. */
  close(): string[]
}

/** A machine with svm devices that mirror one empty address space. */
export function gpu({ memory, policy, era = 'sequence' }: GpuOptions): Gpu {
  let us = 1_000_000
  const machine = solo({
    drivers: memory.map(() => svm),
    policies: memory.map(() => policy),
    engines: 0,
    deviceFrames: memory,
    era,
    swapFrames: 8,
    nowNs: () => us * 1000,
  })
  const { task } = machine
  const mm = newSpace(task)
  const mirrors = memory.map((_, device) => attachDevice(task, device, mm) as Mirror)
  return {
    ...machine,
    mm,
    mirrors,
    fault(i, access = 'write', device = 0) {
      const request = { vpn: A + i, access: DEVICE_ACCESS[access], stamp: 0 }
      const result = boundDriver(task, device).serviceFault(mirrors[device] as Mirror, request)
      return result > 0 ? `wait ${result / 1000} us` : result === 0 ? 'ok' : errnoName(result)
    },
    replay: (device = 0) => replayFaults(task, device),
    mapped(first, pages, device = 0) {
      const { dev } = boundDriver(task, device)
      const iterator = dev.iterate(mirrors[device] as Mirror)
      const found = Array.from({ length: pages }, (_, i) => {
        const pte = dev.entry(iterator, A + first + i) as MirrorPte & { readonly holds: 'pfn' }
        if (!mirrorValid(pte)) return '-'
        const own = (frameFlags(task, mirrorPteFrame(pte)) & FRAME_DEVICE) !== 0
        return `${own ? 'dev' : 'sys'} ${mirrorWritable(pte) ? 'rw' : 'ro'}`
      })
      iterator.finish()
      return found
    },
    pass: (more) => {
      us += more
    },
    count: (name) => readStat(task.words, task.words[ACTOR_COUNT_AT] as number, name),
    close() {
      for (const mirror of mirrors) detachDevice(task, mirror)
      switchMm(task, NO_MM)
      mmPut(task, mm)
      return machine.leftovers()
    },
  }
}
