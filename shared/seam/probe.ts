/**
 * Probes: places where the protocol says what it just did, for the oracles to listen to. The seam knows the events, not
 * the oracles; shared/check fills the table at boot. An empty slot costs one load and one branch.
 *
 * Events are facts of the model ("a device touches a frame"), never hints about a particular mistake.
 */
import type { Task } from './task.ts'

export const PROBE = {
  /** A device is about to touch a frame, or has just done so: (device, mirror, vpn, frame, generation, write). */
  deviceTouch: 0,
  /** A device is given a mirror entry: (device, mirror, vpn, entry). Caller holds the directory lock. */
  mirrorInstall: 1,
  /** A CPU is about to touch a frame through its TLB, or has just done so: (mm, vpn, entry, generation, write). */
  cpuTouch: 2,
  /** A frame went back to the allocator: (frame, generation before). */
  frameFree: 3,
  /** Invalidation callbacks of a subscriber returned: (sub, range, returned, sequence). */
  callbackDone: 4,
  /** An invalidation window opened or closed: (range, 1 | 0). */
  window: 5,
  /** An atomic add was performed: (mm or mirror, vpn, word in page, amount, 1 if by a device through that mirror, value found). */
  added: 6,
  /** A subscriber's read side asked whether it must retry: (sub, sequence, retry). */
  readRetry: 7,
  /** A frame was handed out, its bytes undefined: (frame). */
  frameAlloc: 8,
  /** The bytes of a frame were copied: (target, source). */
  frameCopied: 9,
  /** A frame was declared clean; its entries follow: (frame, or the head of a block). Caller holds its page-table lock. */
  frameCleaned: 10,
} as const
export type ProbeName = keyof typeof PROBE

export type Probe = (task: Task, a: number, b: number, c: number, d: number, e: number, f: number) => void
export type ProbeTable = (Probe | null)[]

export function emptyProbes(): ProbeTable {
  return Object.keys(PROBE).map(() => null)
}

/** Tells the listeners of event `id`. What they look at is no schedule point: checking does not change a schedule. */
export function probe(task: Task, id: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): void {
  const listener = task.probes[id]
  if (listener === null || listener === undefined) return
  const { gate } = task
  task.gate = 0
  listener(task, a, b, c, d, e, f)
  task.gate = gate
}

/** Adds a listener; several may listen to one event and are called in the order they came. */
export function listen(task: Task, name: ProbeName, listener: Probe): void {
  const before = task.probes[PROBE[name]] ?? null
  task.probes[PROBE[name]] =
    before === null
      ? listener
      : (t, a, b, c, d, e, f) => {
          before(t, a, b, c, d, e, f)
          listener(t, a, b, c, d, e, f)
        }
}
