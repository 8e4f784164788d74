/**
 * Do the two checks of atomic adds see an add that went into an old copy? The sum audit when everything stands still (SUM), and the
 * order of adds at the next add of the same actor (LIN). Wrapping round is no way back, and neither is a page that is not audited.
 * And what of a load that finds the content of another page?
 */
import t from 'tap'
import { checkLoaded, storedValue } from '../../shared/check/loaded.ts'
import { checkOrderOfAdds } from '../../shared/check/order.ts'
import { type AuditedArea, auditSums, contentFrame, keepLedger } from '../../shared/check/sum.ts'
import { frameData } from '../../shared/frame/frames.ts'
import { ACCESS, userAdd } from '../../shared/mm/access.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { quietLoad, quietStore } from '../../shared/seam/atomics.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, newSpace, RW } from '../support/addressspace.ts'
import { solo, violationOf } from '../support/solo.ts'

const WORD = 3
const AREAS: readonly AuditedArea[] = [{ vpn: A, pages: 1, first: 0, word: WORD, shared: false }]

interface Audited {
  readonly task: Task
  readonly mm: Mm
  /** Puts `value` into the audited word behind everybody's back. */
  put(value: number): void
  value(): number
}

/** A machine with one audited page. With a violation it is halted, and nothing more can be done on it. */
function audited(run: (it: Audited) => void, halts = false, areas = AREAS): string[] {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  keepLedger(task, () => mm, areas)
  checkOrderOfAdds(task, () => mm, areas)
  const at = () => frameData(task, contentFrame(task, mm, A)) + WORD
  run({ task, mm, put: (value) => quietStore(task, at(), value), value: () => quietLoad(task, at()) })
  if (halts) return []
  switchMm(task, NO_MM)
  mmPut(task, mm)
  return leftovers()
}

t.test('adds that all count', async (t) => {
  const left = audited(({ task, mm, value }) => {
    for (let i = 1; i <= 5; i++) t.equal(userAdd(task, A, WORD, i), ACCESS.ok)
    t.equal(value(), 15)
    t.same(auditSums(task, mm, AREAS), [])
  })
  t.same(left, [])
})

t.test('one that is lost', async (t) => {
  audited(({ task, mm, put }) => {
    userAdd(task, A, WORD, 5)
    userAdd(task, A, WORD, 2)
    put(5) // as if the second had gone to a frame that nobody has any more
    t.match(auditSums(task, mm, AREAS), [{ oracle: 'SUM', message: /holds 5, the adds to it were 7: 2 lost/, page: A }])
    t.match(
      violationOf(() => userAdd(task, A, WORD, 1)),
      /^LIN: .* held 7 when this actor saw it last, and holds 5 now/,
    )
  }, true)
})

t.test('a value that wraps, and words that are not audited', async (t) => {
  const left = audited(({ task, mm, put }) => {
    for (const amount of [0x7fffffff, 0x7fffffff, 7, 1]) userAdd(task, A, WORD, amount)
    t.same(auditSums(task, mm, AREAS), [])
    userAdd(task, A + 1, WORD, 5)
    userAdd(task, A, WORD + 1, 5)
    t.same(auditSums(task, mm, AREAS), [])
    put(60)
    t.equal(auditSums(task, mm, AREAS).length, 1)
  })
  t.same(left, [])
})

/** Two ledger words for more pages than the machine has. */
const FOLDED: readonly AuditedArea[] = [{ vpn: A, pages: 2 ** 28, first: 0, word: WORD, shared: false, fold: 2 }]

t.test('pages that share a ledger word: adds that all count', async (t) => {
  const left = audited(
    ({ task, mm }) => {
      for (const page of [0, 1, 2, 3, 2, 0]) t.equal(userAdd(task, A + page, WORD, page + 1), ACCESS.ok)
      t.same(auditSums(task, mm, FOLDED), [])
    },
    false,
    FOLDED,
  )
  t.same(left, [])
})

t.test('pages that share a ledger word: one add that is lost, and the order of adds page by page', async (t) => {
  audited(
    ({ task, mm, put }) => {
      for (const page of [0, 1, 2, 3]) userAdd(task, A + page, WORD, 5)
      userAdd(task, A, WORD, 2)
      put(5)
      t.match(auditSums(task, mm, FOLDED), [
        { oracle: 'SUM', message: /^A\+0, A\+2 \(one ledger word\) hold 10, the adds to them were 12: 2 lost$/, page: A },
      ])
      t.match(
        violationOf(() => userAdd(task, A, WORD, 1)),
        /^LIN: A\+0 held 7 when this actor saw it last, and holds 5 now/,
      )
    },
    true,
    FOLDED,
  )
})

t.test('what a load of a trace finds: nothing yet, the number of its page, or a violation', async (t) => {
  const { task } = solo()
  t.doesNotThrow(() => checkLoaded(task, A, 0))
  t.doesNotThrow(() => checkLoaded(task, A, storedValue(A)))
  t.match(
    violationOf(() => checkLoaded(task, A, storedValue(A + 1))),
    /^LIN: a load of A\+0 found 65537, and only 65536 is ever stored there/,
  )
})
