/** Whose report counts when several actors see a violation, and what do the others do? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { HaltSignal, haltMachine, haltState } from '../../shared/seam/halt.ts'
import { tick } from '../../shared/seam/point.ts'
import type { Task } from '../../shared/seam/task.ts'
import { ORACLES, type Oracle, ViolationSignal, violation } from '../../shared/seam/violation.ts'
import { startCrew } from '../support/crew.ts'
import { meet } from '../support/meet.ts'
import { solo } from '../support/solo.ts'

/** All report at the same moment. Returns what this one unwinds with. */
export function reportTogether(task: Task): string {
  meet(task, regionAt(task.words, 'programs'), 4)
  try {
    violation(task, 'SUM', `seen by cpu ${task.id}`)
  } catch (thrown) {
    if (thrown instanceof ViolationSignal) return thrown.violation.message
    return thrown instanceof HaltSignal ? 'unwound' : String(thrown)
  }
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('of four reports at once one is made; the others unwind as if they had only noticed the halt', async (t) => {
    const crew = startCrew(t)
    const said = (await crew.run(import.meta.url, 'reportTogether')) as string[]
    const first = said.findIndex((one) => one !== 'unwound')
    t.equal(said[first], `seen by cpu ${first}`)
    t.equal(said.filter((one) => one === 'unwound').length, 3)
    t.same(haltState(crew.task.words), { cause: 'violation', actor: first })
  })

  t.test('a report carries its oracle, its message and whatever else is known', async (t) => {
    const { task, other } = solo()
    const details = { device: 1, page: 65536, operations: ['cpu 0, munmap of A+0'] }
    try {
      violation(task, 'PG', 'device 0 touched a freed frame', details)
    } catch (thrown) {
      t.ok(thrown instanceof ViolationSignal)
      if (thrown instanceof ViolationSignal) {
        t.same(thrown.violation, { oracle: 'PG', message: 'device 0 touched a freed frame', ...details })
      }
    }
    t.equal(task.halting, true)
    t.throws(() => tick(other(1)), new HaltSignal(), 'and everybody else stops')
  })

  t.test('a machine that has halted for another reason keeps it: the report comes too late', async (t) => {
    const { task } = solo()
    haltMachine(task.words, 'hung', 1)
    t.throws(() => violation(task, 'CON', 'too late'), new HaltSignal())
    t.same(haltState(task.words), { cause: 'hung', actor: 1 })
  })

  t.test('every oracle has a name of its own', async (t) => {
    const codes = Object.keys(ORACLES) as Oracle[]
    t.equal(new Set(Object.values(ORACLES)).size, codes.length)
    for (const code of codes) t.match(code, /^[A-Z]{2,5}$/)
  })
}
