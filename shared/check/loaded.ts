/**
 * LIN under a trace: a load finds what was stored to that word. Every store of a trace writes the number of its page, whoever makes
 * it; so a load finds that number, or 0 where nothing was stored yet. Anything else is the content of another page: an old
 * translation, a copy that went to the wrong frame, a swapped page that came back as another.
 *
 * Looked at with each load, by the actor that made it.
 */
import type { Task } from '../seam/task.ts'
import { describeActor, pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'

/** What a store of a trace writes to any word of page `vpn`. */
export function storedValue(vpn: number): number {
  return vpn | 0
}

/** Reports a load of page `vpn` that found neither that nor 0. */
export function checkLoaded(task: Task, vpn: number, found: number): void {
  if (!task.checked || found === 0 || found === storedValue(vpn)) return
  const access = describeActor(task.words, task.id)
  const message = `a load of ${pageName(vpn)} found ${found >>> 0}, and only ${vpn} is ever stored there (${access})`
  violation(task, 'LIN', message, { page: vpn, operations: [access] })
}
