/**
 * `scale`: what mirroring one present page costs, as the address space and the number of its areas grow. One thread, the loop
 * of a driver over 512 pages: register, wait, mmap_sem, fault, update lock, valid?, install, unregister.
 *
 *   scale/pages/N    N pages are mapped and present in one area; the measured range walks through them
 *   scale/areas/N    512 pages are mirrored in an address space of N areas of 8 pages each
 *   floor/copy-page  copying the 4 KiB of a page, for comparison
 *
 * One operation is a range of 512 pages; `ns_per_page` is what the claim is about: it does not depend on N.
 */
import { layMachine } from '../shared/actor/machine.ts'
import { attachDevice, detachDevice } from '../shared/device/attach.ts'
import { DeviceContext } from '../shared/device/context.ts'
import { registerDriver } from '../shared/device/registry.ts'
import svm, { SVM_FORMAT } from '../shared/drivers/svm.ts'
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import type { Mirror } from '../shared/hmm/mirror.ts'
import { PAGE_WORDS } from '../shared/memory/words.ts'
import { mmPut } from '../shared/mm/exit.ts'
import { ADVICE, madvise } from '../shared/mm/madvise.ts'
import { createMm, registerMm } from '../shared/mm/mm.ts'
import { mmap, PLACE_FIXED } from '../shared/mm/mmap.ts'
import { VM_READ, VM_WRITE } from '../shared/mm/vma.ts'
import { hostNowNs } from '../shared/seam/clock.ts'
import { HmmError } from '../shared/seam/error.ts'
import { Task } from '../shared/seam/task.ts'
import { type BenchResult, measure, relativeTo } from './measure.ts'

const RANGE_PAGES = 512
const BASE = 65536
const RW = VM_READ | VM_WRITE

export interface ScaleOptions {
  readonly seconds?: number
  readonly era?: Era
  readonly pages?: readonly number[]
  readonly areas?: readonly number[]
}

/** Runs the benchmark; the first result of each series is what the others are compared with. */
export function scale(options: ScaleOptions = {}): BenchResult[] {
  const { seconds = 0.5, era = DEFAULT_ERA } = options
  const pages = (options.pages ?? [512, 4096, 32768, 262144]).map((n) => pagesCase(n, seconds, era))
  const areas = (options.areas ?? [64, 512, 4096]).map((n) => areasCase(n, seconds, era))
  const series = [pages, areas].flatMap((one) =>
    one.map((result, i) => (i === 0 ? result : relativeTo(result, one[0] as BenchResult))),
  )
  return [copyPage(seconds), ...series]
}

function copyPage(seconds: number): BenchResult {
  const from = new Int32Array(PAGE_WORDS)
  const to = new Int32Array(PAGE_WORDS)
  return measure({ name: 'floor/copy-page', seconds, pages: 1 }, () => to.set(from))
}

/** All pages in one area, present; successive operations mirror successive ranges. */
function pagesCase(pages: number, seconds: number, era: Era): BenchResult {
  const bench = open(pages * 4096 * 1.6 + 32 * 2 ** 20, era)
  bench.map(BASE, pages)
  let at = 0
  const result = measure({ name: `scale/pages/${pages}`, pages: RANGE_PAGES, seconds }, () => {
    bench.mirrorRange(BASE + at)
    at = (at + RANGE_PAGES) % pages
  })
  bench.close()
  return result
}

/** Small areas with alternating rights, so that they do not merge; one range of 512 pages across 64 of them is mirrored. */
function areasCase(areas: number, seconds: number, era: Era): BenchResult {
  const each = 8
  const bench = open(areas * each * 4096 * 2 + 64 * 2 ** 20, era)
  const start = BASE
  for (let i = 0; i < areas; i++) bench.map(start + i * each, each, i % 2 === 0 ? RW : RW | 4)
  const middle = start + Math.floor((areas * each - RANGE_PAGES) / 2 / each) * each
  const result = measure({ name: `scale/areas/${areas}`, pages: RANGE_PAGES, seconds }, () => bench.mirrorRange(middle))
  bench.close()
  return result
}

interface Bench {
  map(vpn: number, pages: number, rights?: number): void
  mirrorRange(vpn: number): void
  close(): void
}

function open(bytes: number, era: Era): Bench {
  const { buffer } = layMachine(
    {
      cpus: 1,
      notifiers: 0,
      devices: 1,
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
  return {
    map(vpn, pages, rights = RW) {
      const mapped =
        mmap(task, mm, vpn, pages, rights, PLACE_FIXED) >= 0 && madvise(task, mm, vpn, pages, ADVICE.populateWrite) === 0
      if (!mapped) throw new HmmError('HMM_ERR_MEMORY', `no memory to map ${pages} pages`)
    },
    mirrorRange(vpn) {
      const registered = dev.rangeRegister(range, mirror, vpn, RANGE_PAGES)
      dev.rangeWait(range)
      dev.mmapReadLock(mirror)
      const filled = dev.rangeFault(range)
      dev.mmapReadUnlock(mirror)
      dev.lock(mirror)
      const installed = dev.rangeValid(range) ? dev.install(range) : -1
      dev.unlock(mirror)
      dev.rangeUnregister(range)
      // A benchmark that measured something else than 512 installed pages is wrong, not fast.
      if (registered !== 0 || filled !== RANGE_PAGES || installed !== RANGE_PAGES)
        throw new HmmError('HMM_ERR_BENCH', 'a range was not mirrored')
    },
    close() {
      dev.freeRange(range)
      mmPut(task, mm)
      detachDevice(task, mirror)
    },
  }
}
