/**
 * The workload `churn`: directories of the devices' mirror page tables are emptied and filled again, all the time. Each of the 16
 * blocks below is one leaf directory; a device touches one or two pages of it, a cpu drops them, the device comes back.
 *
 *   area   pages       kind               what happens to it
 *   D      16 x 512    private            loads and stores by devices on the first pages of each block; dropped, block by block
 *   S           64     shared anonymous   atomic adds by all; dropped (the page cache keeps the content)
 *
 * S keeps its content whatever happens, so its sums can be audited.
 */
import type { AuditedArea } from '../../check/sum.ts'
import { DIRECTORY_ENTRIES } from '../../hmm/geometry.ts'
import type { WordAt } from '../../memory/words.ts'
import { createFile, filePut, NO_FILE } from '../../mm/file.ts'
import { ADVICE } from '../../mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { VM_SHARED } from '../../mm/vma.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import { HmmError } from '../../seam/error.ts'
import { nap } from '../../seam/park.ts'
import type { Task } from '../../seam/task.ts'
import { SLOT_PAGES } from '../../seam/trace.ts'
import { addTo, advise, draw, loadAdd, loadTouch, PAUSE_NS, RW, runBursts, SUM_WORD } from './steps.ts'

const D = 1 * SLOT_PAGES
const S = 3 * SLOT_PAGES
const BLOCKS = 16
const TOUCHED = 2
const S_PAGES = 64
/** Adds of a cpu between two drops. */
const CPU_BURST = 16

/** Areas whose sums are audited. */
export const CHURN_AUDITED: readonly AuditedArea[] = [{ vpn: S, pages: S_PAGES, first: 0, word: SUM_WORD, shared: true }]

/** Maps the areas. Throws when the machine is too small for them. */
export function setUpChurn(task: Task, mm: Mm): void {
  const file = createFile(task, S_PAGES)
  const made =
    file !== NO_FILE &&
    mmap(task, mm, D, BLOCKS * DIRECTORY_ENTRIES, RW, PLACE_FIXED) >= 0 &&
    mmap(task, mm, S, S_PAGES, RW | VM_SHARED, PLACE_FIXED, file) >= 0
  if (!made) throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for the areas of workload churn')
  filePut(task, file)
}

/** One round of a cpu thread: a few adds, then one block is dropped, or a page of S. */
export function stepChurn(task: Task, mm: Mm): void {
  for (let i = 0; i < CPU_BURST; i++) addTo(task, S + draw(task, S_PAGES))
  if (draw(task, 8) === 0) advise(task, mm, S + draw(task, S_PAGES), 1, ADVICE.dontneed)
  else advise(task, mm, block(draw(task, BLOCKS)), DIRECTORY_ENTRIES, ADVICE.dontneed)
  nap(task, PAUSE_NS)
}

/** The kernel that engines run: bursts of reads, writes and atomic adds until the run winds down. */
export function churnKernel(task: Task, device: number, instance: number, _args: WordAt): number {
  return runBursts(task, device, instance, (context) => {
    if (draw(task, 8) === 0) loadAdd(task, device, context, S + draw(task, S_PAGES))
    else loadTouch(task, device, context, block(draw(task, BLOCKS)) + draw(task, TOUCHED))
  })
}

function block(index: number): number {
  return D + index * DIRECTORY_ENTRIES
}
