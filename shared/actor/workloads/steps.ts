/**
 * What workloads are made of: single operations, announced as such in the trace, and the burst loop that engines run. Which
 * pages, how many and how often is the workload's own.
 */
import { putMirror } from '../../device/attach.ts'
import { loadContext, runContexts } from '../../device/contexts.ts'
import { TOUCH } from '../../device/engine.ts'
import { CONTEXTS, deviceCount, getMirrorOf } from '../../device/record.ts'
import { boundDriver } from '../../device/registry.ts'
import { NO_MIRROR } from '../../hmm/mirror.ts'
import { EAGAIN, ENOENT } from '../../memory/errno.ts'
import { userAdd, userLoad, userStore } from '../../mm/access.ts'
import { mmPut } from '../../mm/exit.ts'
import { fork } from '../../mm/fork.ts'
import { madvise } from '../../mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { mprotect } from '../../mm/mprotect.ts'
import { munmap } from '../../mm/munmap.ts'
import { switchMm } from '../../mm/shootdown.ts'
import { VM_READ, VM_WRITE } from '../../mm/vma.ts'
import { type Mm, NO_MM } from '../../notifier/mmhead.ts'
import { CHANCE } from '../../seam/actors.ts'
import { nextBelow } from '../../seam/chance.ts'
import { nap } from '../../seam/park.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../../seam/trace.ts'
import { isWindingDown, nextAsid } from '../rendezvous.ts'

export const RW = VM_READ | VM_WRITE
/** Word of a page that is added to; word 0 holds what loads and stores use. */
export const SUM_WORD = 1

/** Accesses of one burst of an engine, at least and at most; then a pause of PAUSE_NS, so that 2 cores are enough for many. */
const BURST_MIN = 64
const BURST_MAX = 256
export const PAUSE_NS = 50_000

/** A number below `bound`, from the actor's own stream. */
export function draw(task: Task, bound: number): number {
  return nextBelow(task.words, task.record + CHANCE, bound)
}

/** An add by a cpu. Refused while the page may not be written: then nothing was added. */
export function addTo(task: Task, vpn: number): void {
  beginOp(task, OPERATION.add, vpn, 1)
  userAdd(task, vpn, SUM_WORD, 1 + draw(task, 7))
  endOp(task)
}

/** A load or a store by a cpu. */
export function touch(task: Task, vpn: number): void {
  const write = draw(task, 2) === 0
  beginOp(task, write ? OPERATION.store : OPERATION.load, vpn, 1)
  if (write) userStore(task, vpn, 0, vpn)
  else userLoad(task, vpn)
  endOp(task)
}

/** Gives `advice` (an ADVICE value) over a span. */
export function advise(task: Task, mm: Mm, vpn: number, pages: number, advice: number): void {
  beginOp(task, OPERATION.madvise, vpn, pages, advice)
  madvise(task, mm, vpn, pages, advice)
  endOp(task)
}

/** Gives a span rights. */
export function protect(task: Task, mm: Mm, vpn: number, pages: number, rights: number): void {
  beginOp(task, OPERATION.mprotect, vpn, pages, rights)
  mprotect(task, mm, vpn, pages, rights)
  endOp(task)
}

/** Unmaps a span and maps new private memory there. `kind`: VM_* flags beside the rights. */
export function replace(task: Task, mm: Mm, vpn: number, pages: number, kind = 0): void {
  beginOp(task, OPERATION.munmap, vpn, pages)
  munmap(task, mm, vpn, pages)
  endOp(task)
  beginOp(task, OPERATION.mmap, vpn, pages)
  mmap(task, mm, vpn, pages, RW | kind, PLACE_FIXED)
  endOp(task)
}

/** Forks, does `inChild` in the child, and ends the child. */
export function forkBriefly(task: Task, mm: Mm, inChild: (child: Mm) => void): void {
  beginOp(task, OPERATION.fork)
  const child = fork(task, mm, nextAsid(task))
  endOp(task)
  if (child === NO_MM) return
  switchMm(task, child)
  inChild(child)
  switchMm(task, mm)
  beginOp(task, OPERATION.exit)
  mmPut(task, child)
  endOp(task)
}

/**
 * What an engine runs: bursts of accesses, each loaded into its context by `load`, until the run winds down.
 */
export function runBursts(task: Task, device: number, instance: number, load: (context: number) => void): number {
  while (!isWindingDown(task)) {
    const burst = BURST_MIN + draw(task, BURST_MAX - BURST_MIN)
    for (let left = burst; left > 0 && !isWindingDown(task); left -= CONTEXTS) {
      const count = Math.min(left, CONTEXTS)
      for (let context = 0; context < count; context++) load(context)
      runContexts(task, device, instance, count, () => endOp(task))
    }
    nap(task, PAUSE_NS)
  }
  return 0
}

/** Pages of a buffer that a device which does not fault is told to work on. */
export const BUFFER_PAGES = 8
/** Submissions that are asked for again before the submitter gives up this time. */
const SUBMISSIONS = 8

/**
 * Tells some device that raises no faults to add to word `word` of some pages of [vpn, vpn + pages), in a buffer that is bound for it if it is
 * not yet; now and then one is unbound instead. Nothing, where there is no such device.
 */
export function submitJob(task: Task, mm: Mm, vpn: number, pages: number, word: number): void {
  if (deviceCount(task) === 0) return
  const device = draw(task, deviceCount(task))
  const driver = boundDriver(task, device)
  if (driver.servesFaults || !driver.takesCommands) return
  const mirror = getMirrorOf(task, device, mm)
  if (mirror === NO_MIRROR) return
  const start = vpn + draw(task, Math.floor(pages / BUFFER_PAGES)) * BUFFER_PAGES
  beginOp(task, OPERATION.ioctl, start, BUFFER_PAGES, device)
  const ask = (cmd: string, from = start, count = BUFFER_PAGES, low = 3) =>
    driver.ioctl(mirror, { cmd, start: from, pages: count, low, high: word }).errno
  if (draw(task, 8) === 0) ask('unbind')
  else {
    const some = 1 + draw(task, BUFFER_PAGES)
    const from = start + draw(task, BUFFER_PAGES - some + 1)
    let errno = ask('submit', from, some, 1 + draw(task, 7))
    if (errno === -ENOENT && ask('bind') === 0) errno = -EAGAIN
    for (let tries = 1; errno === -EAGAIN && tries < SUBMISSIONS; tries++) errno = ask('submit', from, some, 1 + draw(task, 7))
  }
  endOp(task)
  putMirror(task, mirror)
}

/** An add by a device. */
export function loadAdd(task: Task, device: number, context: number, vpn: number): void {
  loadContext(task, device, context, vpn, SUM_WORD, TOUCH.add, 1 + draw(task, 7))
}

/** A read or a write of word 0 by a device. */
export function loadTouch(task: Task, device: number, context: number, vpn: number): void {
  loadContext(task, device, context, vpn, 0, draw(task, 2) === 0 ? TOUCH.read : TOUCH.write, vpn)
}
