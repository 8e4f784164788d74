/**
 * Passes that are one call of the module, on real threads that nobody checks, beside threads that drop pages, take rights away and look: is
 * the mirror ever ahead of the CPU, and does every lock, count and reference come back?
 */
import { isMainThread } from 'node:worker_threads'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { DeviceContext } from '../../shared/device/context.ts'
import { registerDriver } from '../../shared/device/registry.ts'
import svm, { SVM_FORMAT } from '../../shared/drivers/svm.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { mirrorPteFrame, mirrorValid, mirrorWritable } from '../../shared/hmm/mirrorpte.ts'
import { SPOILT, wholePass } from '../../shared/hmm/wholepass.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { createMm, registerMm } from '../../shared/mm/mm.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { pteFrame, ptePresent, pteWritable } from '../../shared/mm/pte.ts'
import { type Mm, mmapSem } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downWrite, upWrite } from '../../shared/sync/rwsem.ts'
import { RO, RW } from '../support/addressspace.ts'
import { startCrew } from '../support/crew.ts'

/** Three leaves, the first and the last in part. */
const FIRST = 65536 - 40
const PAGES = 40 + 512 + 40
/** The longest run of pages that one step is about. */
const LONGEST = 64
const DEVICE = 0

/** Numbers from 0 to below `bound`, another order on each thread. */
function dice(seed: number): (bound: number) => number {
  let state = seed * 0x9e3779b1
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 8) % bound
  }
}

/** Threads 0 and 1 serve a device; thread 2 drops pages and has them back; thread 3 takes rights away, and looks. */
export function takePart(task: Task, mm: Mm, mirror: Mirror, rounds: number): number[] {
  registerDriver(task, DEVICE, svm)
  const dev = new DeviceContext(task, DEVICE, svm)
  const roll = dice(task.id + 1)
  if (task.id < 2) return serve(dev, mirror, rounds, roll)
  for (let i = 0; i < rounds / 4; i++) {
    const pages = 1 + roll(LONGEST)
    const start = FIRST + roll(PAGES - pages)
    if (task.id === 2) {
      madvise(task, mm, start, pages, ADVICE.dontneed)
      madvise(task, mm, start, pages, ADVICE.populateWrite)
    } else {
      mprotect(task, mm, start, pages, RO)
      expectSubset(dev, mm, mirror)
      mprotect(task, mm, start, pages, RW)
    }
  }
  return []
}

/** Passes over any pages. Returns how many the module did, how many it gave up because they were spoilt, and how many it left. */
function serve(dev: DeviceContext, mirror: Mirror, rounds: number, roll: (bound: number) => number): number[] {
  const { task } = dev
  const range = dev.createRange(LONGEST, SVM_FORMAT)
  dev.rangeRequest(range, SVM_FORMAT.valid)
  const counts = [0, 0, 0]
  for (let i = 0; i < rounds; i++) {
    const pages = 1 + roll(LONGEST)
    const start = FIRST + roll(PAGES - pages)
    const done = wholePass(task, range, mirror, start, pages)
    const kind = done > 0 ? 0 : done === SPOILT ? 1 : 2
    counts[kind] = (counts[kind] as number) + 1
    if (done <= 0 && dev.mirrorRange(range, mirror, start, pages, 0) !== pages)
      throw new Error('pages that are mapped are mirrored')
  }
  dev.freeRange(range)
  return counts
}

/** Whatever the mirror has, the CPU has: nobody changes the CPU's table, and nobody installs. */
function expectSubset(dev: DeviceContext, mm: Mm, mirror: Mirror): number {
  const { task } = dev
  downWrite(task, mmapSem(mm), MMAP_SEM)
  dev.lock(mirror)
  const iterator = dev.iterate(mirror)
  let found = 0
  for (let vpn = FIRST; vpn < FIRST + PAGES; vpn++) {
    const pte = dev.entry(iterator, vpn)
    if (!mirrorValid(pte)) continue
    const cpu = cpuEntry(task, mm, vpn)
    if (!ptePresent(cpu) || pteFrame(cpu) !== mirrorPteFrame(pte))
      throw new Error(`the mirror has page ${vpn}, and the CPU has not`)
    if (mirrorWritable(pte) && !pteWritable(cpu)) throw new Error(`the mirror may write page ${vpn}, and the CPU may not`)
    found++
  }
  iterator.finish()
  dev.unlock(mirror)
  upWrite(task, mmapSem(mm))
  return found
}

if (isMainThread) {
  const { default: t } = await import('tap')

  for (const mirrorReclaim of ['immediate', 'delayed'] as const) {
    t.test(`empty directories: reclaim is ${mirrorReclaim}`, async (t) => {
      const crew = startCrew(t, { cpus: 4, devices: 1, checked: false, mirrorReclaim })
      const { task } = crew
      registerMm(task)
      registerDriver(task, DEVICE, svm)
      const mm = createMm(task, 0)
      mmap(task, mm, FIRST, PAGES, RW, PLACE_FIXED)
      madvise(task, mm, FIRST, PAGES, ADVICE.populateWrite)
      const mirror = attachDevice(task, DEVICE, mm) as Mirror
      const results = (await crew.run(import.meta.url, 'takePart', mm, mirror, 6000)) as number[][]
      const [whole = 0, spoilt = 0, left = 0] = [0, 1, 2].map((kind) => (results[0]?.[kind] ?? 0) + (results[1]?.[kind] ?? 0))
      t.equal(whole + spoilt + left, 12_000)
      t.ok(whole > 1000, `${whole} passes were done by the module`)
      t.ok(spoilt + left > 0, `${spoilt} were spoilt, and ${left} left to the loop in TypeScript`)
      const dev = new DeviceContext(task, DEVICE, svm)
      const range = dev.createRange(LONGEST, SVM_FORMAT)
      dev.rangeRequest(range, SVM_FORMAT.valid)
      t.equal(dev.mirrorRange(range, mirror, FIRST, LONGEST, 0), LONGEST)
      t.ok(expectSubset(dev, mm, mirror) >= LONGEST, 'and the mirror still takes pages')
      dev.freeRange(range)
      mmPut(task, mm)
      detachDevice(task, mirror)
      t.strictSame(crew.leftovers(), [])
    })
  }
}
