/**
 * Mirrors come and go, and with the last of them the hmm, while another thread invalidates and a third registers ranges: does anybody
 * touch an hmm that was freed, and does all come back? (Section 4.9, row 3: the callback looked its hmm up by the mm.)
 */
import { isMainThread } from 'node:worker_threads'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { registerDriver } from '../../shared/device/registry.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { rangeRegister, rangeUnregister } from '../../shared/hmm/protocol.ts'
import { createRange, freeRange } from '../../shared/hmm/range.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart, invalidateRangeStartNonblock } from '../../shared/notifier/invalidate.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { mmGetNotZero } from '../../shared/notifier/mmhead.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A } from '../support/addressspace.ts'
import { startCrew } from '../support/crew.ts'
import { RECORDS } from '../support/mirrored.ts'
import { FORMAT } from '../support/ranged.ts'

const ROUNDS = 400

/** Cpu 0 and 1: a device each, opened and closed, with a range in between. Cpu 2: invalidations, every other one non-blockable. */
export function comeAndGo(task: Task, mm: number): number {
  for (const device of [0, 1]) registerDriver(task, device, RECORDS)
  const space = mm as Mm
  assert(mmGetNotZero(task, space), 'the test uses it')
  let done = 0
  const range = createRange(task, 1, FORMAT)
  for (let round = 0; round < ROUNDS; round++) {
    if (task.id === 2) {
      const window = rangeInit(task, space, A, A + 3, NOTIFY.clear)
      if (round % 2 === 0) invalidateRangeStart(task, window)
      else if (invalidateRangeStartNonblock(task, window) !== 0) continue
      invalidateRangeEnd(task, window)
      done++
    } else {
      const mirror = attachDevice(task, task.id, space) as Mirror
      assert(mirror > 0, 'the device is opened')
      if (rangeRegister(task, range, mirror, A, 1) === 0) {
        if (round % 2 === 0) detachDevice(task, mirror)
        rangeUnregister(task, range)
        if (round % 2 === 1) detachDevice(task, mirror)
        done++
      } else detachDevice(task, mirror)
    }
  }
  freeRange(task, range)
  mmPut(task, space)
  return done
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('two devices open and close, and one thread invalidates', async (t) => {
    const crew = startCrew(t, { cpus: 3, devices: 2, era: 'range-valid', noise: 0.02 })
    const mm = createMm(crew.task, 1)
    const done = await crew.run(import.meta.url, 'comeAndGo', mm)
    t.same(done.slice(0, 2), [ROUNDS, ROUNDS])
    t.ok((done[2] as number) >= ROUNDS / 2, `${done[2]} invalidations`)
    mmPut(crew.task, mm)
    t.same(crew.leftovers(), [])
  })
}
