/**
 * What a reclaim actor does under stress, beside any workload: what kswapd, compaction and the OOM reaper do, without asking.
 *
 *   always      puts some pages out, and all that it takes to have LOW_FREE frames free
 *   often       moves some pages to other frames
 *   at times    takes a span of an area whose content may be lost, without waiting for anybody
 */
import { FRAME_FREE, type Frame, frameFlags } from '../../frame/frames.ts'
import { freeFrames, SYSTEM_ZONE, zoneFrames } from '../../frame/zones.ts'
import { moveFrame } from '../../mm/compact.ts'
import { reapRange } from '../../mm/reap.ts'
import { shrinkFrames } from '../../mm/shrink.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import { nap } from '../../seam/park.ts'
import { countStat, STAT } from '../../seam/stats.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../../seam/trace.ts'
import { draw, PAUSE_NS } from './steps.ts'

/** Pages [vpn, vpn + pages). */
export interface Span {
  readonly vpn: number
  readonly pages: number
}

/** Free frames that reclaim keeps for those who need one at once. */
const LOW_FREE = 16
const PUT_OUT = 4
const MOVES = 4
/** Frames looked at for one that can be moved: most of a large machine's are free. */
const LOOKS = 64
const REAPED_PAGES = 8

/** One round. No lock held. */
export function stepReclaim(task: Task, mm: Mm, expendable: readonly Span[]): void {
  beginOp(task, OPERATION.putout)
  shrinkFrames(task, PUT_OUT + Math.max(0, LOW_FREE - freeFrames(task, SYSTEM_ZONE)))
  endOp(task)
  beginOp(task, OPERATION.move)
  for (let i = 0; i < MOVES; i++) moveSome(task)
  endOp(task)
  const span = draw(task, 4) === 0 ? expendable[draw(task, Math.max(1, expendable.length))] : undefined
  if (span !== undefined) reapSome(task, mm, span)
  nap(task, PAUSE_NS)
}

function moveSome(task: Task): void {
  const { first, count } = zoneFrames(task, SYSTEM_ZONE)
  const from = draw(task, count)
  for (let i = 0; i < LOOKS; i++) {
    const frame = (first + ((from + i) % count)) as Frame
    if ((frameFlags(task, frame) & FRAME_FREE) === 0 && moveFrame(task, frame)) return
  }
}

function reapSome(task: Task, mm: Mm, { vpn, pages }: Span): void {
  const some = Math.min(pages, 1 + draw(task, REAPED_PAGES))
  const start = vpn + draw(task, pages - some + 1)
  beginOp(task, OPERATION.reap, start, some)
  countStat(task, reapRange(task, mm, start, some) === 0 ? STAT.reaps : STAT.reapsRefused)
  endOp(task)
}
