/**
 * Operations of reclaim threads: what kswapd, compaction and the OOM reaper do to the pages of a process, without being in it.
 *
 *   reap      zaps private memory, non-blockable; EAGAIN when mmap_sem or a subscriber was not to be had
 *   pageout, move, split     by frame: the one that the process has at each page when it is looked at. No mmap_sem; a page that is
 *                            held, shared or not there stays as it is. `ok pages=N`: how many it was done to
 */
import { type Frame, NO_FRAME } from '../frame/frames.ts'
import { errnoName } from '../memory/errno.ts'
import { moveFrame } from '../mm/compact.ts'
import { cpuEntry } from '../mm/cpuentry.ts'
import { pteFrame, ptePresent } from '../mm/pte.ts'
import { reapRange } from '../mm/reap.ts'
import { putOutFrame, splitFrame } from '../mm/shrink.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { HmmError } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../seam/trace.ts'
import type { ReclaimOp, ThreadOp } from './ops.ts'
import type { Process } from './processes.ts'

/** Runs one operation against `process`; its answer as `expect` lines read it. No lock held. */
export function reclaimOp(task: Task, process: Process, { op, handle: name, page, pages }: ReclaimOp): string {
  const handle = process.handles.get(name)
  if (handle === undefined) throw new HmmError('HMM_ERR_SCENARIO', `handle ${name} is not mapped`)
  const start = handle.start + page
  beginOp(task, OPERATION[op], start, pages)
  const answer = op === 'reap' ? reap(task, process.mm, start, pages) : byFrame(task, process.mm, start, pages, BY_FRAME[op])
  endOp(task)
  return answer
}

/** Is it one of these operations? */
export function isReclaimOp(op: ThreadOp): op is ReclaimOp {
  return op.op === 'reap' || op.op in BY_FRAME
}

const BY_FRAME = { putout: putOutFrame, move: moveFrame, split: splitFrame } as const

function reap(task: Task, mm: Mm, start: number, pages: number): string {
  const result = reapRange(task, mm, start, pages)
  return result === 0 ? 'ok' : errnoName(result)
}

function byFrame(task: Task, mm: Mm, start: number, pages: number, act: (task: Task, frame: Frame) => boolean): string {
  let done = 0
  for (let vpn = start; vpn < start + pages; vpn++) {
    const entry = cpuEntry(task, mm, vpn)
    const frame = ptePresent(entry) ? pteFrame(entry) : NO_FRAME
    if (frame !== NO_FRAME && act(task, frame)) done++
  }
  return `ok pages=${done}`
}
