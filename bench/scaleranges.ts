/**
 * `scale/ranges/N`: one invalidation, start to end, of an address space with N ranges side by side, of 8 pages each. It touches one of
 * them, each time another. What registers such a range depends on the era:
 *
 *   range-valid          a range of a driver: a start spoils those that it touches, and asks the mirror's driver
 *   sequence and later   an interval notifier of its own: a start finds it in the tree and calls it; so in era events, whose mirrors
 *                        are told whatever they map
 *
 * The work is checked: in `range-valid` by the state of a touched range and of its neighbour, elsewhere by counting the calls.
 */
import { MAX_DEVICES } from '../shared/device/record.ts'
import { SVM_FORMAT } from '../shared/drivers/svm.ts'
import type { Era } from '../shared/hmm/era.ts'
import { createMirror, freeMirror, mirrorSub } from '../shared/hmm/mirror.ts'
import { rangeRegister, rangeUnregister } from '../shared/hmm/protocol.ts'
import { createRange, freeRange } from '../shared/hmm/range.ts'
import { rangeFillBegins, rangeFillEnds, rangeIsFilled } from '../shared/hmm/rangestate.ts'
import { count } from '../shared/memory/words.ts'
import { NOTIFY } from '../shared/notifier/events.ts'
import { INTERVAL_OPS, invalidateRangeEnd, invalidateRangeStart } from '../shared/notifier/invalidate.ts'
import { intervalRemove, intervalSubscribe, type Sub, setSeq } from '../shared/notifier/subscriptions.ts'
import { rangeInit } from '../shared/notifier/windows.ts'
import { HmmError } from '../shared/seam/error.ts'
import { registerOp } from '../shared/seam/optable.ts'
import { type BenchResult, measure } from './measure.ts'
import { BASE, openSolo, type Solo } from './solo.ts'

/** Pages of a range. */
const EACH = 8
/** Number of the callback: those below are the devices'. */
const OPS = MAX_DEVICES
/** The next range is not the neighbour of the last: a prime, so that all have their turn. */
const STRIDE = 7919

/** Ranges of one kind, registered with an address space. */
interface Registered {
  /** Were those invalidations, and one more of range 0, about one range each? */
  readonly isRight: (invalidations: number, invalidateFirst: () => void) => boolean
  readonly close: () => void
}

/** Measures with `ranges` of them. Throws HmmError when an invalidation was about something else than its range. */
export function rangesCase(ranges: number, seconds: number, era: Era): BenchResult {
  const name = `scale/ranges/${ranges}`
  const solo = openSolo({ era, pages: 64, moreBytes: 64 * 2 ** 20 + ranges * 16384 })
  const registered = era === 'range-valid' ? driverRanges(solo, ranges) : notifiers(solo, ranges)
  const invalidate = (i: number) => {
    const first = firstPage(i)
    const range = rangeInit(solo.task, solo.mm, first, first + EACH - 1, NOTIFY.clear)
    invalidateRangeStart(solo.task, range)
    invalidateRangeEnd(solo.task, range)
  }
  let at = 0
  let invalidations = 0
  const result = measure({ name, seconds }, () => {
    invalidate(at)
    at = (at + STRIDE) % ranges
    invalidations++
  })
  if (!registered.isRight(invalidations, () => invalidate(0)))
    throw new HmmError('HMM_ERR_BENCH', `${name}: an invalidation was about something else than its range`)
  registered.close()
  solo.close()
  return result
}

function firstPage(i: number): number {
  return BASE + i * EACH
}

/** Era range-valid. The ranges lie in the mirror's address space, whose driver is asked by every start. */
function driverRanges({ task, mirror }: Solo, ranges: number): Registered {
  const all = count(0, ranges).map((i) => {
    const range = createRange(task, EACH, SVM_FORMAT)
    if (range === 0 || rangeRegister(task, range, mirror, firstPage(i), EACH) !== 0) throw noMemory(ranges)
    return range
  })
  const [first, second] = all as [(typeof all)[number], (typeof all)[number]]
  return {
    isRight(_, invalidateFirst) {
      for (const range of [first, second]) if (!rangeFillBegins(task, range) || !rangeFillEnds(task, range)) return false
      invalidateFirst()
      return !rangeIsFilled(task, first) && rangeIsFilled(task, second)
    },
    close() {
      for (const range of all) {
        rangeUnregister(task, range)
        freeRange(task, range)
      }
    },
  }
}

/** Interval notifiers. Each lies in a mirror of its own that no device knows. */
function notifiers({ task, mm }: Solo, ranges: number): Registered {
  let calls = 0
  let last: Sub | 0 = 0
  registerOp(task, INTERVAL_OPS, OPS, (_, sub, __, seq) => {
    setSeq(task, sub, seq)
    calls++
    last = sub
    return true
  })
  const all = count(0, ranges).map((i) => {
    const mirror = createMirror(task, 0, mm)
    if (mirror === 0 || intervalSubscribe(task, mirrorSub(mirror), mm, firstPage(i), firstPage(i) + EACH - 1, OPS, 0) !== 0)
      throw noMemory(ranges)
    return mirror
  })
  return {
    isRight(invalidations, invalidateFirst) {
      if (calls !== invalidations) return false
      invalidateFirst()
      return calls === invalidations + 1 && last === mirrorSub(all[0] as (typeof all)[number])
    },
    close() {
      for (const mirror of all) {
        intervalRemove(task, mirrorSub(mirror))
        freeMirror(task, mirror)
      }
    },
  }
}

function noMemory(ranges: number): HmmError {
  return new HmmError('HMM_ERR_BENCH', `no memory for ${ranges} ranges`)
}
