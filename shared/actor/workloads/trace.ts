/**
 * The workload of `--trace`: cpus and engines make the accesses that they are fed (feed.ts), in one process that every device
 * mirrors. docs/traces.md says how a trace becomes accesses.
 *
 *   load, fetch   reads the word of its address          store    writes the page's number to it
 *   modify        an atomic add to word SUM_WORD         areas    private memory, mapped in stretches of 2 MiB when the trace first needs them
 *
 * Nothing takes content away: sums are audited over all pages, and what a load finds is checked. A trace has accesses and no system
 * calls; what happens to its pages besides is what a kernel does behind a program's back, if reclaimers or too little memory are
 * asked for.
 */
import { LEDGER_WORDS } from '../../check/ledger.ts'
import { checkLoaded, storedValue } from '../../check/loaded.ts'
import type { AuditedArea } from '../../check/sum.ts'
import { loadContext, runContexts } from '../../device/contexts.ts'
import { deviceValue, TOUCH } from '../../device/engine.ts'
import { deviceCount } from '../../device/record.ts'
import { boundDriver } from '../../device/registry.ts'
import type { WordAt } from '../../memory/words.ts'
import { ACCESS, accessValue, userAdd, userLoad, userStore } from '../../mm/access.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import { INDEX } from '../../seam/actors.ts'
import { HmmError } from '../../seam/error.ts'
import { nap } from '../../seam/park.ts'
import { get } from '../../seam/plain.ts'
import { countStat, STAT } from '../../seam/stats.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION, SLOT_PAGES } from '../../seam/trace.ts'
import {
  announceEngines,
  awaitBatch,
  batchCount,
  batchOp,
  batchVpn,
  batchWord,
  dropBatch,
  FEED_OP,
  feedRing,
  nextBatch,
  STRETCH_PAGES,
  stretchIsMapped,
  wantedStretch,
} from '../feed.ts'
import { isWindingDown } from '../rendezvous.ts'
import { draw, PAUSE_NS, RW, SUM_WORD } from './steps.ts'

/** Slots of 256 MiB that one trace may have pages in; slot 1 is the first. */
export const TRACE_SLOTS = 4096

/** Every page that a trace can have. */
export const TRACE_AUDITED: readonly AuditedArea[] = [
  { vpn: SLOT_PAGES, pages: TRACE_SLOTS * SLOT_PAGES, first: 0, word: SUM_WORD, shared: false, fold: LEDGER_WORDS },
]
/** Says which engines make accesses: those of devices that raise faults. Areas come with the trace. */
export function setUpTrace(task: Task): void {
  let mask = 0
  for (let device = 0; device < deviceCount(task); device++) if (boundDriver(task, device).servesFaults) mask |= 1 << device
  announceEngines(task, mask)
}

/** One round of a cpu thread: a batch. Cpu 0 also maps what the trace needs. */
export function stepTrace(task: Task, mm: Mm): void {
  if (task.words[task.record + INDEX] === 0) mapWanted(task, mm)
  const ring = feedRing(task, task.words[task.record + INDEX] as number)
  const batch = nextBatch(task, ring)
  if (batch === 0) {
    awaitBatch(task, ring)
    return
  }
  const count = batchCount(task, batch)
  for (let i = 0; i < count; i++) makeAccess(task, batchVpn(task, batch, i), wordOf(task, batch, i), batchOp(task, batch, i))
  dropBatch(task, ring)
  nap(task, PAUSE_NS)
}

function mapWanted(task: Task, mm: Mm): void {
  const vpn = wantedStretch(task)
  if (vpn === 0) return
  beginOp(task, OPERATION.mmap, vpn, STRETCH_PAGES)
  if (mmap(task, mm, vpn, STRETCH_PAGES, RW, PLACE_FIXED) < 0)
    throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for another area of the trace')
  endOp(task)
  stretchIsMapped(task)
}

/** The word that access `i` touches. Word SUM_WORD is for adds alone: loads and stores of it go to word 0. */
function wordOf(task: Task, batch: WordAt, i: number): number {
  if (batchOp(task, batch, i) === FEED_OP.modify) return SUM_WORD
  const word = batchWord(task, batch, i)
  return word === SUM_WORD ? 0 : word
}

const OPERATIONS = [OPERATION.load, OPERATION.store, OPERATION.add] as const

function makeAccess(task: Task, vpn: number, word: number, op: number): void {
  beginOp(task, OPERATIONS[op] ?? OPERATION.none, vpn, 1)
  const ended =
    op === FEED_OP.load
      ? userLoad(task, vpn, word)
      : op === FEED_OP.store
        ? userStore(task, vpn, word, storedValue(vpn))
        : userAdd(task, vpn, word, amountOf(task))
  if (ended === ACCESS.ok && op === FEED_OP.load) checkLoaded(task, vpn, accessValue())
  countStat(task, ended === ACCESS.ok ? STAT.cpuAccesses : STAT.refusedAccesses)
  endOp(task)
}

function amountOf(task: Task): number {
  return 1 + draw(task, 7)
}

const TOUCHES = [TOUCH.read, TOUCH.write, TOUCH.add] as const

/** What engines run: their batches, each with all its accesses in flight at once, until the run winds down. */
export function traceKernel(task: Task, device: number, instance: number, args: WordAt): number {
  const ring = feedRing(task, get(task, args) + device)
  while (!isWindingDown(task)) {
    const batch = nextBatch(task, ring)
    if (batch === 0) {
      awaitBatch(task, ring)
      continue
    }
    runBatch(task, device, instance, batch)
    dropBatch(task, ring)
    nap(task, PAUSE_NS)
  }
  return 0
}

function runBatch(task: Task, device: number, instance: number, batch: WordAt): void {
  const count = batchCount(task, batch)
  for (let i = 0; i < count; i++) {
    const vpn = batchVpn(task, batch, i)
    const op = batchOp(task, batch, i)
    const low = op === FEED_OP.modify ? amountOf(task) : storedValue(vpn)
    loadContext(task, device, i, vpn, wordOf(task, batch, i), TOUCHES[op] ?? TOUCH.read, low)
  }
  runContexts(task, device, instance, count, (i, status) => {
    if (status !== 0) countStat(task, STAT.refusedAccesses)
    else if (batchOp(task, batch, i) === FEED_OP.load) checkLoaded(task, batchVpn(task, batch, i), deviceValue())
    endOp(task)
  })
}
