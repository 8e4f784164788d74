/**
 * The service: a driver's bottom half. One actor per device; it takes faults from the buffer, has the driver serve them, and
 * replays; it runs the driver's queued work; and in between it frees what died.
 *
 *     until halted
 *         nothing to do: sleep
 *         queued work first: it is what earlier faults and callbacks left behind
 *         directories that mirrors kept and nobody used: they die (hmm/kept.ts)
 *         one batch of faults: duplicates joined; for each page look the mirror up (with a reference), driver.serviceFault
 *         status of each waiting context, then one replay; if the driver left all of them alone, not before the time it said
 */
import { reapDeferred } from '../frame/deferred.ts'
import { mirrorTable, NO_MIRROR } from '../hmm/mirror.ts'
import { pruneIdle } from '../hmm/table.ts'
import { EFAULT } from '../memory/errno.ts'
import { actorAt, WAIT_KIND } from '../seam/actors.ts'
import { atomicStore, quietLoad } from '../seam/atomics.ts'
import { nap, park, WAIT } from '../seam/park.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../seam/trace.ts'
import { type Ring, ringConsume, ringCount, ringPeek, ringPeekAt, ringSleepingAt } from '../sync/ring.ts'
import { putMirror } from './attach.ts'
import { setContextStatus } from './contexts.ts'
import { faultAccess, faultContext, faultInstance, faultStamp, faultTaken, faultVpn, replayFaults } from './faultbuffer.ts'
import { keepMs } from './keeper.ts'
import { deviceService, faultRing, getInstance, instanceMirror, MAX_INSTANCES, workRing } from './record.ts'
import { boundDriver } from './registry.ts'

/** Looks in the time for which a directory is kept: it lives for one of them longer at most. */
const LOOKS_PER_KEEPING = 4

/** Serves `device` until the machine halts. The body of the service actor. */
export function serveDevice(task: Task, device: number): never {
  for (;;) {
    tick(task)
    while (serveWork(task, device)) tick(task)
    const served = serveFaults(task, device)
    const untilLook = pruneMirrors(task, device)
    if (!served) {
      reapDeferred(task)
      sleepUntilWork(task, device, untilLook)
    }
  }
}

/**
 * Has the service of `device` served all that the engine, which raises no fault any more, has ever asked of it? It may have been at a
 * fault that nobody waits for: moving pages, perhaps. A mirror that keeps directories keeps it busy until they die.
 */
export function serviceIsIdle(task: Task, device: number): boolean {
  // The rings first: what is not in them any more is being served, and then the service waits for something else.
  if (ringCount(task, faultRing(task, device)) > 0 || ringCount(task, workRing(task, device)) > 0) return false
  return quietLoad(task, actorAt(task.words, deviceService(task, device)) + WAIT_KIND) === WAIT.work
}

function serveWork(task: Task, device: number): boolean {
  const ring = workRing(task, device)
  const slot = ringPeek(task, ring)
  if (slot === 0) return false
  const item = { kind: get(task, slot), args: [1, 2, 3, 4, 5, 6].map((i) => get(task, slot + i)) }
  ringConsume(task, ring, 1)
  boundDriver(task, device).work(item)
  return true
}

/** A page that faulted, with every context that waits for it. */
interface FaultGroup {
  readonly instance: number
  readonly vpn: number
  /** Stamp of the oldest fault. */
  readonly stamp: number
  readonly waiters: { readonly context: number; readonly access: number }[]
}

/** Serves what is in the buffer, page by page in address order, then replays. False when the buffer is empty. */
function serveFaults(task: Task, device: number): boolean {
  const groups = takeBatch(task, device)
  if (groups.length === 0) return false
  let served = 0
  let leaveAloneNs = Number.POSITIVE_INFINITY
  for (const group of groups) {
    tick(task)
    beginOp(task, OPERATION.serviceFault, group.vpn, 1, device)
    const later = serveGroup(task, device, group)
    if (later > 0) leaveAloneNs = Math.min(leaveAloneNs, later)
    else served++
    endOp(task)
  }
  if (served === 0) nap(task, leaveAloneNs)
  replayFaults(task, device)
  return true
}

/** Takes all entries out of the buffer and joins duplicates: same instance and page. */
function takeBatch(task: Task, device: number): FaultGroup[] {
  const ring = faultRing(task, device)
  const count = ringCount(task, ring)
  const groups: FaultGroup[] = []
  for (let i = 0; i < count; i++) {
    const entry = ringPeekAt(task, ring, i)
    faultTaken(task, entry)
    const instance = faultInstance(task, entry)
    const vpn = faultVpn(task, entry)
    const waiter = { context: faultContext(task, entry), access: faultAccess(task, entry) }
    const group = groups.find((one) => one.instance === instance && one.vpn === vpn)
    if (group === undefined) groups.push({ instance, vpn, stamp: faultStamp(task, entry), waiters: [waiter] })
    else group.waiters.push(waiter)
  }
  if (count > 0) ringConsume(task, ring, count)
  return groups.sort((a, b) => a.instance - b.instance || a.vpn - b.vpn)
}

/**
 * Serves a page for its most intrusive waiter, which serves the others too. If that is refused (a write to a read-only
 * area), the waiters that asked for less are served on their own. Returns 0, or for how many ns the driver leaves the page alone.
 */
function serveGroup(task: Task, device: number, group: FaultGroup): number {
  // The engine may raise this fault while its instance is being closed: the reference keeps the mirror for as long as we work.
  const mirror = getInstance(task, device, group.instance)
  let waiters = group.waiters
  let later = 0
  while (waiters.length > 0) {
    const access = Math.max(...waiters.map((waiter) => waiter.access))
    const status =
      mirror === NO_MIRROR
        ? -EFAULT
        : boundDriver(task, device).serviceFault(mirror, { vpn: group.vpn, access, stamp: group.stamp })
    if (status > 0) later = status
    const settled = status >= 0 ? waiters : waiters.filter((waiter) => waiter.access === access)
    for (const waiter of settled) setContextStatus(task, device, waiter.context, Math.min(status, 0))
    waiters = waiters.filter((waiter) => !settled.includes(waiter))
  }
  if (mirror !== NO_MIRROR) putMirror(task, mirror)
  return later
}

/**
 * One look of the device's service at what its mirrors keep: those directories die that were not used for their time. Returns the
 * milliseconds until the next look; 0 when nothing is kept. No lock held.
 */
function pruneMirrors(task: Task, device: number): number {
  const ms = keepMs(task)
  if (ms === 0) return 0
  const now = Math.floor(task.nowNs() / 1e6)
  let kept = 0
  for (let instance = 0; instance < MAX_INSTANCES; instance++) {
    if (instanceMirror(task, device, instance) === NO_MIRROR) continue
    const mirror = getInstance(task, device, instance)
    if (mirror === NO_MIRROR) continue
    kept += pruneIdle(task, mirrorTable(task, mirror), now)
    putMirror(task, mirror)
  }
  return kept === 0 ? 0 : Math.ceil(ms / LOOKS_PER_KEEPING)
}

/**
 * Sleeps while both rings are empty: SLEEPING is raised on both before the last look at either (sync/ring.ts). With directories
 * to look after, for `untilLook` milliseconds at most.
 */
function sleepUntilWork(task: Task, device: number, untilLook: number): void {
  const rings: readonly Ring[] = [faultRing(task, device), workRing(task, device)]
  for (const ring of rings) atomicStore(task, ringSleepingAt(ring), 1)
  if (rings.every((ring) => ringPeek(task, ring) === 0)) {
    if (untilLook === 0) park(task, WAIT.work, rings[0] as Ring)
    else nap(task, untilLook * 1e6)
  }
  for (const ring of rings) atomicStore(task, ringSleepingAt(ring), 0)
}
