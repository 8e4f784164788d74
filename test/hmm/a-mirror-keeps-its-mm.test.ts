/** May a service that still has a reference to a mirror ask about its address space, when both were closed behind its back? */
import t from 'tap'
import { attachDevice, detachDevice, putMirror } from '../../shared/device/attach.ts'
import { getMirrorOf } from '../../shared/device/record.ts'
import { type Mirror, mirrorMm } from '../../shared/hmm/mirror.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { mmGetNotZero } from '../../shared/notifier/mmhead.ts'
import { newSpace } from '../support/addressspace.ts'
import { RECORDS } from '../support/mirrored.ts'
import { solo } from '../support/solo.ts'

t.test('the record of the mm is there until the last reference to the mirror is gone', (t) => {
  const { task, leftovers } = solo({ drivers: [RECORDS] })
  const mm = newSpace(task)
  const mirror = attachDevice(task, 0, mm) as Mirror
  t.equal(getMirrorOf(task, 0, mm), mirror)
  mmPut(task, mm)
  detachDevice(task, mirror)
  t.equal(mmGetNotZero(task, mirrorMm(task, mirror)), false, 'no users; and the question touches nothing that was freed')
  putMirror(task, mirror)
  t.same(leftovers(), [])
  t.end()
})
