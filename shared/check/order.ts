/**
 * LIN under load: the order in which one actor sees the values of one word. Words of audited pages are only ever added to, by amounts
 * above 0, and nothing takes their content away. So what an add finds is never less than what the same actor found or left there
 * before, through whichever frame, copy or device it went: a smaller value is an old copy.
 *
 * Looked at with each add, by the actor itself. Values wrap at 2^32, so "less" is by difference. Each worker keeps what it has seen
 * for itself; runs that are wound back have `expect` lines for this instead (actor/expectation.ts).
 */
import { type Mirror, mirrorMm } from '../hmm/mirror.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { listen } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { describeActor, pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'
import type { AuditedArea } from './sum.ts'

/** Switches the oracle on in this worker, for the adds of one run to `areas` of `mmOf()`. */
export function checkOrderOfAdds(task: Task, mmOf: () => Mm, areas: readonly AuditedArea[]): void {
  const seen = new Map<number, number>()
  listen(task, 'added', (t, where, vpn, word, amount, byDevice, found) => {
    const mm = byDevice === 1 ? mirrorMm(t, where as Mirror) : where
    const page = vpn >>> 0
    for (const area of areas) {
      if (page < area.vpn || page >= area.vpn + area.pages || word !== area.word) continue
      if (!area.shared && mm !== mmOf()) continue // a forked child's own copy
      const before = seen.get(page)
      if (before !== undefined && ((found - before) | 0) < 0) wentBack(t, page, before, found)
      seen.set(page, (found + amount) | 0)
    }
  })
}

function wentBack(task: Task, page: number, before: number, now: number): never {
  const access = describeActor(task.words, task.id)
  const message = `${pageName(page)} held ${before >>> 0} when this actor saw it last, and holds ${now >>> 0} now (${access})`
  violation(task, 'LIN', message, { page, operations: [access] })
}
