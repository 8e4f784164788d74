/**
 * Is a run audited once? The booting thread looks every few milliseconds whether the machine stands still. After the audit the
 * leader takes everything down, and with blocks of 2 MiB that lasts longer than the time between two looks: a machine that is
 * being taken down must not be taken for one that stands still, or all its sums are lost.
 */
import t from 'tap'
import { closeAudit, finishRun, isQuiet, openRun, standStill } from '../../shared/actor/rendezvous.ts'
import { NO_MM } from '../../shared/notifier/mmhead.ts'
import { atEveryPoint } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

t.test('quiet is the time from the last operation to the end of the audit', async (t) => {
  const { task, other } = solo()
  const booting = other(1)
  openRun(task, NO_MM, 2)
  finishRun(booting)
  t.notOk(isQuiet(booting), 'the leader still works')
  let stoodStill = 0
  atEveryPoint(task, () => {
    if (!isQuiet(booting)) return
    stoodStill++
    closeAudit(booting)
  })
  standStill(task, 2)
  t.equal(stoodStill, 1)
  t.notOk(isQuiet(booting), 'it does not any more when the audit is over')
})
