/**
 * A fault of a device with memory of its own: where the page is decides who is asked, and what the policy answers is done.
 *
 *   page                       served by
 *   in the device's memory     its entry; it counts as used
 *   left alone, pinned         the replay, later; system memory                            svm/thrashing.ts
 *   anywhere else              the policy: mapped where it is, moved with its neighbours,
 *                              taken exclusively                                           svm/policy.ts
 *
 * Whatever was tried, the page is then served from wherever it is now: a move that failed costs time and nothing else.
 */
import { DEVICE_ACCESS, type DeviceContext, type DeviceFault, type Frame, type Mirror, PLACE } from '../../device/index.ts'
import { blockAround, denseAround, residentIn, type Span } from './density.ts'
import { takeExclusively } from './exclusive.ts'
import { type Answer, askPolicy, type MigrationPolicy, type PageFault, policyOf } from './policy.ts'
import { hintFor, isLeftAlone, noteFault, pin } from './thrashing.ts'

/** How a machine's era does what is decided. Each is called with no lock held, on the service. */
export interface Means {
  /** Serves the page where it is. `own`: it may be in the device's memory. 0 or a negative errno. */
  serve(dev: DeviceContext, mirror: Mirror, fault: DeviceFault, own: boolean): number
  /** Moves pages of one area to the device, as far as they can, and maps them. Returns how many moved. */
  move(dev: DeviceContext, mirror: Mirror, span: Span): number
  /** Is the page mapped as the fault needs it? Takes the update lock. */
  isServed(dev: DeviceContext, mirror: Mirror, fault: DeviceFault): boolean
  /** Pages can be taken exclusively. */
  readonly exclusive: boolean
}

/** As a driver's serviceFault. */
export function serveByPolicy(dev: DeviceContext, mirror: Mirror, fault: DeviceFault, means: Means): number {
  const policy = policyOf(dev.policy)
  const found = lookAt(dev, mirror, fault)
  if (found === null) return means.serve(dev, mirror, fault, false)
  if (found.ownFrame !== -1) {
    dev.memory.used(found.ownFrame)
    return means.serve(dev, mirror, fault, true)
  }
  const verdict = judge(dev, mirror, policy, found.question)
  if (typeof verdict === 'number') return verdict
  const atomic = fault.access === DEVICE_ACCESS.atomic
  if (verdict.do !== 'migrate') {
    if (atomic && policy.atomics === 'exclusive' && means.exclusive && takeExclusively(dev, mirror, fault.vpn)) return 0
    return means.serve(dev, mirror, fault, true)
  }
  if (found.question.place === PLACE.away) {
    // Swapped out, in another device's memory, taken exclusively: only a page of system memory moves.
    const errno = means.serve(dev, mirror, fault, true)
    if (errno !== 0) return errno
  }
  const spans = spansOf(dev, mirror, policy, found.question, verdict)
  const moved = spans.reduce((sum, span) => sum + means.move(dev, mirror, span), 0)
  if (moved > verdict.pages) dev.memory.count('prefetched', moved - verdict.pages)
  if (moved > 0 && means.isServed(dev, mirror, fault)) return 0
  return means.serve(dev, mirror, fault, true)
}

interface Found {
  /** The page's frame, if it is in the device's memory; or -1, and the question is put. */
  readonly ownFrame: Frame | -1
  readonly question: Omit<PageFault, 'faults'>
}

/** What is known of the page; null when it lies in no area whose pages move. Takes mmap_sem for reading. */
function lookAt(dev: DeviceContext, mirror: Mirror, { vpn, access }: DeviceFault): Found | null {
  dev.mmapReadLock(mirror)
  const mm = dev.mmOf(mirror)
  const area = dev.memory.areaAt(mm, vpn)
  const { place, frame } = area === null ? { place: PLACE.none, frame: -1 as const } : dev.memory.placeOf(mm, vpn)
  dev.mmapReadUnlock(mirror)
  if (area === null || !area.readable || !area.movable) return null
  const capacity = dev.memory.frames().count
  return {
    ownFrame: place === PLACE.own ? frame : -1,
    question: { vpn, access, area, place, free: dev.memory.freePages(), capacity, nowNs: dev.nowNs() },
  }
}

/** What is to be done, or for how many ns nothing is. Takes the update lock. */
function judge(dev: DeviceContext, mirror: Mirror, policy: MigrationPolicy, question: Found['question']): Answer | number {
  const { vpn, access } = question
  dev.lock(mirror)
  const faults = noteFault(dev, mirror, vpn)
  const hint = policy.mitigateThrashing === true ? hintFor(dev, mirror, vpn) : { kind: 'none' as const }
  dev.unlock(mirror)
  if (hint.kind === 'leave') return hint.ns
  if (hint.kind === 'pinned') return { do: 'map' }
  if (access === DEVICE_ACCESS.atomic && policy.atomics === 'migrate') return { do: 'migrate', first: vpn, pages: 1 }
  const answer = askPolicy(policy, { ...question, faults })
  if (answer.do === 'pin') {
    dev.lock(mirror)
    pin(dev, mirror, vpn)
    dev.unlock(mirror)
  }
  return answer
}

/**
 * The pages to move, in one area and 2 MiB and no more than a quarter of the device's memory, without those that are left alone, and those
 * that are there: they would lose their entries for nothing.
 */
function spansOf(
  dev: DeviceContext,
  mirror: Mirror,
  policy: MigrationPolicy,
  { vpn, area, capacity }: Found['question'],
  { first, pages }: { readonly first: number; readonly pages: number },
): Span[] {
  const most = Math.max(1, Math.floor(capacity / 4))
  const within = blockAround(vpn, area)
  const asked = { first: Math.max(within.first, first), last: Math.min(within.last, first + pages - 1) }
  dev.lock(mirror)
  const dense = policy.prefetch === true ? denseAround(dev, mirror, vpn, within, most) : asked
  const whole = cut({ first: Math.min(asked.first, dense.first), last: Math.max(asked.last, dense.last) }, vpn, most)
  const spans: Span[] = []
  const there = new Set(residentIn(dev, mirror, whole))
  for (let page = whole.first; page <= whole.last; page++) {
    if (there.has(page)) continue
    if (policy.mitigateThrashing === true && isLeftAlone(dev, mirror, page)) continue
    const before = spans.at(-1)
    if (before?.last === page - 1) spans[spans.length - 1] = { first: before.first, last: page }
    else spans.push({ first: page, last: page })
  }
  dev.unlock(mirror)
  return spans
}

/** At most `most` pages of a span, page `vpn` among them. */
function cut({ first, last }: Span, vpn: number, most: number): Span {
  if (last - first < most) return { first, last }
  const start = Math.max(first, Math.min(vpn, last - most + 1))
  return { first: start, last: start + most - 1 }
}
