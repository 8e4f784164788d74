/**
 * The workload `oversubscribe`: devices with memory of their own work through more than it holds. Each device streams over its own pages,
 * again and again, and now and then touches the other's; the cpus touch a few pages and change rights, so that pages come home meanwhile.
 *
 *   area   pages   kind      what happens to it
 *   A      2 * 64  private   atomic adds by devices, page after page, and by cpus; write-protected and back; forked
 *
 * Even devices work on the first half, odd ones on the second: two devices do not meet often. Nothing ever takes content away from A, so
 * its sums can be audited. With OVERSUBSCRIBE_DEVICE_PAGES there is twice as much to hold as there is room; `--device-memory 16` makes
 * that four times.
 */
import type { AuditedArea } from '../../check/sum.ts'
import type { WordAt } from '../../memory/words.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { VM_READ } from '../../mm/vma.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import { HmmError } from '../../seam/error.ts'
import { nap } from '../../seam/park.ts'
import type { Task } from '../../seam/task.ts'
import { SLOT_PAGES } from '../../seam/trace.ts'
import { addTo, draw, forkBriefly, loadAdd, protect, RW, runBursts, SUM_WORD } from './steps.ts'

const A = 1 * SLOT_PAGES
const EACH = 64
const PAGES = EACH * 2
/** Pages of each device's own memory, if nothing else is said. */
export const OVERSUBSCRIBE_DEVICE_PAGES = EACH / 2

/** Areas whose sums are audited. */
export const OVERSUBSCRIBE_AUDITED: readonly AuditedArea[] = [{ vpn: A, pages: PAGES, first: 0, word: SUM_WORD, shared: false }]

const CPU_ADDS = 8
const MAX_SPAN = 16
const CPU_PAUSE_NS = 2_000_000
/** One of so many accesses of a device, or of a cpu's changes, is out of the ordinary. */
const RARE = 32

/** Maps the area. Throws when the machine is too small for it. */
export function setUpOversubscribe(task: Task, mm: Mm): void {
  if (mmap(task, mm, A, PAGES, RW, PLACE_FIXED) < 0)
    throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for the area of workload oversubscribe')
}

/** One round of a cpu thread. */
export function stepOversubscribe(task: Task, mm: Mm): void {
  for (let i = 0; i < CPU_ADDS; i++) addTo(task, A + draw(task, PAGES))
  const roll = draw(task, RARE)
  const pages = 1 + draw(task, MAX_SPAN)
  const vpn = A + draw(task, PAGES - pages + 1)
  if (roll < RARE / 4) {
    protect(task, mm, vpn, pages, VM_READ)
    protect(task, mm, vpn, pages, RW)
  } else if (roll === RARE - 1)
    forkBriefly(task, mm, () => {
      for (let i = 0; i < CPU_ADDS; i++) addTo(task, A + draw(task, PAGES))
    })
  nap(task, CPU_PAUSE_NS)
}

/** What a device does: adds to its pages one after the other, from the first to the last and again. */
export function oversubscribeKernel(task: Task, device: number, instance: number, _args: WordAt): number {
  let next = 0
  return runBursts(task, device, instance, (context) => {
    const elsewhere = draw(task, RARE) === 0
    loadAdd(task, device, context, A + (elsewhere ? draw(task, PAGES) : (device % 2) * EACH + next))
    if (!elsewhere) next = (next + 1) % EACH
  })
}
