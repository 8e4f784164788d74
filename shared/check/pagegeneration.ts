/**
 * PG, the page-generation oracle. Every frame has a generation, bumped when it is freed; every translation carries the
 * generation its frame had when the page table was read. An access through an older one touches memory that was given back.
 *
 * Looked at before and after each touch, by devices and CPUs alike: an actor that is INSIDE keeps its frames from being
 * freed, so for a correct protocol the two generations cannot differ, however the threads run.
 */
import { type Frame, frameFreedBy, frameGeneration } from '../frame/frames.ts'
import { pteFrame } from '../mm/pte.ts'
import { actorName } from '../seam/actors.ts'
import { listen } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { describeActor, describeOp, pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'

/** Switches the oracle on in this worker. */
export function checkPageGeneration(task: Task): void {
  listen(task, 'deviceTouch', (t, device, _mirror, vpn, frame, generation, write) => {
    if (frameGeneration(t, frame as Frame) !== generation) stale(t, `device ${device}`, device, vpn, frame as Frame, write === 1)
  })
  listen(task, 'cpuTouch', (t, _mm, vpn, entry, generation, write) => {
    const frame = pteFrame(entry)
    if (frameGeneration(t, frame) !== generation) stale(t, actorName(t.words, t.id), null, vpn, frame, write === 1)
  })
}

function stale(task: Task, who: string, device: number | null, vpn: number, frame: Frame, write: boolean): never {
  const page = vpn >>> 0
  const freed = frameFreedBy(task, frame)
  const access = describeActor(task.words, task.id)
  const freeing = `${actorName(task.words, freed.actor)}, ${describeOp(freed.op, freed.page, freed.pages)}`
  violation(
    task,
    'PG',
    `${who} ${write ? 'wrote' : 'read'} ${pageName(page)} through a stale entry: frame ${frame} had been freed (${access}; freed by ${freeing})`,
    { ...(device === null ? {} : { device }), page, operations: [access, freeing] },
  )
}
