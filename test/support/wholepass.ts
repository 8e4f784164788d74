/**
 * A machine on one thread on which a pass is about to be made by the module, in the form that is explored (hmm/wholepass.ts), and another
 * actor who may do something in front of any of its atomics.
 *
 *     const s = stand()
 *     pass(s.task, s)                                     // PAGES
 *     everywhere({}, (s) => madvise(s.cpu1, s.mm, ...))   // how it came out, by the point at which that was done
 *     end(s)                                              // [] when everything was returned
 */
import type { MachineConfig } from '../../shared/actor/machine.ts'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { DeviceContext } from '../../shared/device/context.ts'
import type { Driver } from '../../shared/device/contract.ts'
import { registerDriver } from '../../shared/device/registry.ts'
import svm, { SVM_FORMAT } from '../../shared/drivers/svm.ts'
import { frameGeneration } from '../../shared/frame/frames.ts'
import { DIRECTORY_AT } from '../../shared/hmm/directory.ts'
import type { PfnFormat } from '../../shared/hmm/encoding.ts'
import { MIRROR_AT, type Mirror } from '../../shared/hmm/mirror.ts'
import { mirrorPteFrame, mirrorValid, mirrorWritable } from '../../shared/hmm/mirrorpte.ts'
import { mirrorPeekGeneration } from '../../shared/hmm/mirrortable.ts'
import type { Range } from '../../shared/hmm/range.ts'
import { wholePass } from '../../shared/hmm/wholepass.ts'
import { HUGE_PAGES, type WordAt } from '../../shared/memory/words.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmRoot, registerMm } from '../../shared/mm/mm.ts'
import { findLeaf, TABLE_AT } from '../../shared/mm/pagetable.ts'
import { pteFrame, ptePresent, pteWritable } from '../../shared/mm/pte.ts'
import { type Mm, mmapSem, mmSubscriptions, mmUsers } from '../../shared/notifier/mmhead.ts'
import { SUBSCRIPTIONS_AT } from '../../shared/notifier/subscriptions.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, newSpace, RW } from './addressspace.ts'
import { solo } from './solo.ts'
import { intrudeEverywhere } from './stepped.ts'

/** The pages of a pass lie in two leaves. */
export const PAGES = 4
export const FIRST = Math.ceil(A / HUGE_PAGES) * HUGE_PAGES + HUGE_PAGES - 2

export interface StandOptions {
  readonly driver?: Driver
  readonly first?: number
  /** Pages beside those of the pass, which stay, and so keep their leaf directories. Default: there are some. */
  readonly neighbours?: boolean
  /** Take the pages of the pass from the mirror again, so that each is installed anew. Default: do. */
  readonly emptied?: boolean
  readonly format?: PfnFormat
  readonly machine?: Partial<MachineConfig>
}

export interface Stand {
  readonly task: Task
  readonly cpu1: Task
  readonly first: number
  readonly mm: Mm
  readonly mirror: Mirror
  readonly dev: DeviceContext
  readonly range: Range
  /** The locks of a pass: subscriptions, the leaves, the update lock, the leaf directories. */
  readonly locks: readonly WordAt[]
  leftovers(): string[]
}

/** Pages that are there, and were mirrored once. */
export function stand(options: StandOptions = {}): Stand {
  const { driver = svm, first = FIRST, neighbours = true, emptied = true, format = SVM_FORMAT, machine = {} } = options
  const { task, other, leftovers } = solo({ drivers: [driver], ...machine })
  const mm = newSpace(task)
  const beside = neighbours ? 1 : 0
  area(task, mm, first - beside, PAGES + 2 * beside, RW)
  madvise(task, mm, first - beside, PAGES + 2 * beside, ADVICE.populateWrite)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const dev = new DeviceContext(task, 0, driver)
  const range = dev.createRange(PAGES + 2, format)
  dev.rangeRequest(range, format.valid)
  dev.mirrorRange(range, mirror, first - beside, PAGES + 2 * beside, 0)
  const ends = [first, first + PAGES - 1]
  const leaves = ends.map((vpn) => findLeaf(task, mmRoot(task, mm), vpn) + TABLE_AT.lock)
  const iterator = dev.iterate(mirror)
  const directories = ends.map((vpn) => iterator.lookup(vpn) - DIRECTORY_AT.entries - (vpn % HUGE_PAGES) + DIRECTORY_AT.lock)
  iterator.finish()
  if (emptied) takeAway(dev, mirror, first)
  const locks = [mmSubscriptions(mm) + SUBSCRIPTIONS_AT.lock, ...leaves, mirror + MIRROR_AT.lock, ...directories]
  return { task, cpu1: other(1), first, mm, mirror, dev, range, locks, leftovers }
}

/** Takes the pages of the pass from the mirror, as a callback does. */
export function takeAway(dev: DeviceContext, mirror: Mirror, first: number): void {
  dev.lock(mirror)
  dev.unmap(mirror, first, first + PAGES - 1)
  dev.unlock(mirror)
}

/** The pass: its number of pages, or what the module says instead. */
export function pass(cpu0: Task, { range, mirror, first }: Stand): number {
  registerMm(cpu0)
  registerDriver(cpu0, 0, svm)
  cpu0.exploresModule = true
  return wholePass(cpu0, range, mirror, first, PAGES)
}

/** How many pages the mirror has; throws when one is not what the CPU has. */
export function mirrored({ task, mm, mirror, dev, first }: Stand): number {
  const iterator = dev.iterate(mirror)
  let found = 0
  for (let vpn = first; vpn < first + PAGES; vpn++) {
    const pte = dev.entry(iterator, vpn)
    if (!mirrorValid(pte)) continue
    found++
    const cpu = cpuEntry(task, mm, vpn)
    const same = ptePresent(cpu) && pteFrame(cpu) === mirrorPteFrame(pte)
    // The frame may have been freed, and come back to the page.
    if (!same || mirrorPeekGeneration(task, iterator, vpn) !== frameGeneration(task, pteFrame(cpu)))
      throw new Error('the mirror has a page that the CPU has not')
    if (mirrorWritable(pte) && !pteWritable(cpu)) throw new Error('the mirror has a right that the CPU has not')
  }
  iterator.finish()
  return found
}

/** Gives everything back that is still there. What is missing then. */
export function end({ task, dev, range, mm, mirror, leftovers }: Stand): string[] {
  const alive = mmUsers(task, mm) > 0
  dev.freeRange(range)
  detachDevice(task, mirror)
  if (alive) mmPut(task, mm)
  return leftovers()
}

/** Are the locks of the pass free? Then another actor may do what needs them. */
export function locksAreFree({ task, locks }: Stand): boolean {
  return locks.every((lock) => task.words[lock] === 0)
}

/** And mmap_sem, for who needs it for writing? */
export function allIsFree(s: Stand): boolean {
  return s.task.words[mmapSem(s.mm)] === 0 && locksAreFree(s)
}

/**
 * Passes with `change` done by cpu 1 in front of each of their atomics where that is possible: the pass has no lock. How they came out, and
 * what was not returned.
 */
export function everywhere(
  options: StandOptions,
  change: (s: Stand) => void,
  possible: (s: Stand) => boolean = locksAreFree,
): { outcomes: Map<number, number>; missing: string[] } {
  const outcomes = new Map<number, number>()
  const missing: string[] = []
  intrudeEverywhere(() => {
    const s = stand(options)
    return {
      task: s.task,
      wait(cpu0) {
        const done = pass(cpu0, s)
        outcomes.set(done, (outcomes.get(done) ?? 0) + 1)
        mirrored(s)
        missing.push(...end(s))
      },
      intrude: () => change(s),
      possible: () => possible(s),
    }
  })
  return { outcomes, missing }
}
