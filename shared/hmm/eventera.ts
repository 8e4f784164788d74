/**
 * The protocol of 2016 (v12) between a mirror and the notifiers: HMM subscribes once for each address space, keeps the mirror's
 * table itself and tells the driver by events. Ranges do not exist in it: a driver asks with `dev.mirrorFault` instead.
 */
import { EINVAL } from '../memory/errno.ts'
import { type Hmm, hmmJoin, hmmLeave, hmmPut, NO_HMM } from './eventhmm.ts'
import { mirrorEventHmm } from './mirror.ts'
import type { Protocol } from './protocol.ts'
import { hmmMirrorKill } from './update.ts'

export const EVENTS: Protocol = {
  /** hmm_mirror_register. */
  subscribe: hmmJoin,

  /** hmm_mirror_unregister. */
  withdraw(task, mirror) {
    const hmm = mirrorEventHmm(task, mirror) as Hmm
    hmmMirrorKill(task, hmm, mirror)
    hmmLeave(task, hmm)
  },

  ended(task, mirror) {
    const hmm = mirrorEventHmm(task, mirror) as Hmm
    if (hmm !== NO_HMM) hmmPut(task, hmm)
  },

  register: () => -EINVAL,
  unregister: () => {},
  wait: () => false,
  fillBegins: () => false,
  disturbed: () => true,
  fillEnds: () => false,
  valid: () => false,
  invalidated: () => {},
  readBegin: () => 0,
  readRetry: () => true,
}
