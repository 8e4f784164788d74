/**
 * The workload `regions`: cpus register memory regions with adapters (`odp`), prefetch in them and deregister them, while the adapters
 * fault on their pages and the address space changes. What is in no region, or may only be read, is refused to the adapter.
 *
 *   area   pages   kind      what happens to it
 *   A         64   private   atomic adds by all; write-protected and back, forked
 *   B         64   private   loads and stores by all; unmapped and mapped again, dropped, protected
 *
 * Regions are blocks of BLOCK_PAGES of A and B. Nothing ever takes content away from A, so its sums can be audited.
 */
import type { AuditedArea } from '../../check/sum.ts'
import { putMirror } from '../../device/attach.ts'
import { deviceCount, getMirrorOf } from '../../device/record.ts'
import { boundDriver } from '../../device/registry.ts'
import { NO_MIRROR } from '../../hmm/mirror.ts'
import type { WordAt } from '../../memory/words.ts'
import { ADVICE } from '../../mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { VM_READ } from '../../mm/vma.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import { HmmError } from '../../seam/error.ts'
import { nap } from '../../seam/park.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION, SLOT_PAGES } from '../../seam/trace.ts'
import type { Span } from './reclaim.ts'
import {
  addTo,
  advise,
  draw,
  forkBriefly,
  loadAdd,
  loadTouch,
  PAUSE_NS,
  protect,
  RW,
  replace,
  runBursts,
  SUM_WORD,
  touch,
} from './steps.ts'

const A = 1 * SLOT_PAGES
const B = 2 * SLOT_PAGES
const PAGES = 64
const BLOCK_PAGES = 16
const BLOCKS = PAGES / BLOCK_PAGES

/** Areas whose sums are audited. */
export const REGIONS_AUDITED: readonly AuditedArea[] = [{ vpn: A, pages: PAGES, first: 0, word: SUM_WORD, shared: false }]

/** Spans whose content may be lost. */
export const REGIONS_EXPENDABLE: readonly Span[] = [{ vpn: B, pages: PAGES }]

const MAX_SPAN = 8
const ACCESSES = 64

/** Maps the areas. Throws when the machine is too small for them. */
export function setUpRegions(task: Task, mm: Mm): void {
  if (mmap(task, mm, A, PAGES, RW, PLACE_FIXED) < 0 || mmap(task, mm, B, PAGES, RW, PLACE_FIXED) < 0)
    throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for the areas of workload regions')
}

/** One round of a cpu thread: accesses, some commands to devices, one change to the address space. */
export function stepRegions(task: Task, mm: Mm): void {
  for (let i = 0; i < ACCESSES; i++) {
    if (draw(task, 2) === 0) addTo(task, A + draw(task, PAGES))
    else touch(task, B + draw(task, PAGES))
  }
  for (let i = 0; i < 3; i++) command(task, mm)
  change(task, mm)
  nap(task, PAUSE_NS)
}

/** The kernel that engines run: bursts of reads, writes and atomic adds until the run winds down. */
export function regionsKernel(task: Task, device: number, instance: number, _args: WordAt): number {
  return runBursts(task, device, instance, (context) => {
    if (draw(task, 2) === 0) loadAdd(task, device, context, A + draw(task, PAGES))
    else loadTouch(task, device, context, B + draw(task, PAGES))
  })
}

const PREFETCHES = ['prefetch', 'prefetch_write', 'prefetch_no_fault'] as const
/** Rights of a region, as the ioctl has them: three in four may be written. */
const RIGHTS = [3, 3, 3, 1] as const

/** One command to some device that mirrors `mm`: two regions are registered for one that goes, or most would be refused for most. */
function command(task: Task, mm: Mm): void {
  if (deviceCount(task) === 0) return
  const device = draw(task, deviceCount(task))
  if (!boundDriver(task, device).takesCommands) return
  const mirror = getMirrorOf(task, device, mm)
  if (mirror === NO_MIRROR) return
  const roll = draw(task, 6)
  const cmd = roll < 2 ? 'reg_mr' : roll < 3 ? 'dereg_mr' : (PREFETCHES[roll - 3] as string)
  const start = (draw(task, 2) === 0 ? A : B) + draw(task, BLOCKS) * BLOCK_PAGES
  beginOp(task, OPERATION.ioctl, start, BLOCK_PAGES, device)
  const low = RIGHTS[draw(task, RIGHTS.length)] as number
  boundDriver(task, device).ioctl(mirror, { cmd, start, pages: BLOCK_PAGES, low })
  endOp(task)
  putMirror(task, mirror)
}

function change(task: Task, mm: Mm): void {
  const roll = draw(task, 100)
  const pages = 1 + draw(task, MAX_SPAN)
  const offset = draw(task, PAGES - pages + 1)
  if (roll < 30) advise(task, mm, B + offset, pages, ADVICE.dontneed)
  else if (roll < 55) replace(task, mm, B + offset, pages)
  else if (roll < 70) protect(task, mm, B + offset, pages, [VM_READ, RW, RW, 0][draw(task, 4)] as number)
  else if (roll < 95) {
    protect(task, mm, A + offset, pages, VM_READ)
    protect(task, mm, A + offset, pages, RW)
  } else forkBriefly(task, mm, () => addTo(task, A + offset))
}
