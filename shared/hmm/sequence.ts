/**
 * The protocol of 5.5 and later between a mirror and the notifiers: an interval subscription over the whole address space. A range
 * is valid while the subscription's sequence is the one its fill began with; registering one touches nothing shared.
 * (Linux mm/mmu_notifier.c, mmu_interval_read_begin and mmu_interval_read_retry, 5.5.)
 */
import { LAST_VPN } from '../mm/vma.ts'
import { checkRetry, intervalRemove, intervalSubscribe, readBegin, readRetry, setSeq } from '../notifier/subscriptions.ts'
import { mirrorDevice, mirrorIsLive, mirrorMm, mirrorSub } from './mirror.ts'
import type { Protocol } from './protocol.ts'
import { rangeMirror, rangeSeq, rangeSetSeq, rangeSub } from './range.ts'

export const SEQUENCE: Protocol = {
  subscribe(task, mirror) {
    return intervalSubscribe(task, mirrorSub(mirror), mirrorMm(task, mirror), 0, LAST_VPN, mirrorDevice(task, mirror), mirror)
  },

  withdraw(task, mirror) {
    intervalRemove(task, mirrorSub(mirror))
  },

  register: () => 0,
  unregister: () => {},

  wait(task, range) {
    rangeSetSeq(task, range, readBegin(task, rangeSub(task, range)))
    return mirrorIsLive(task, rangeMirror(task, range))
  },

  fillBegins: () => true,
  disturbed: (task, range) => checkRetry(task, rangeSub(task, range), rangeSeq(task, range)),

  fillEnds: () => true,
  valid: (task, range) => !readRetry(task, rangeSub(task, range), rangeSeq(task, range)),

  invalidated: (task, mirror, seq) => setSeq(task, mirrorSub(mirror), seq),
  readBegin: (task, mirror) => readBegin(task, mirrorSub(mirror)),
  readRetry: (task, mirror, seq) => readRetry(task, mirrorSub(mirror), seq),
}
