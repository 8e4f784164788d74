/**
 * Where pages go: what the svm family asks when its device faults on a page that is not in its own memory, and the answers. A policy is
 * one object; a module exports its own as the default (`hmm stress --policy ./mine.js`), three have a name here.
 *
 *   answer     the page is then
 *   map        in system memory, mapped for the device; it is asked about again when the device faults on it again
 *   pin        the same, and it is not asked about again before the time of a pin is over (svm/thrashing.ts)
 *   migrate    in the device's memory, with the pages named; what cannot move is mapped where it is
 *
 *   name          answers
 *   system        map, always: the default of a device without memory
 *   first-touch   migrate, at the first fault: the default of a device with memory (UVM's default)
 *   threshold     migrate, at the THRESHOLD-th fault: a page that is touched once is not worth a move
 *
 * A policy is called on the device's service, with no lock held. It keeps nothing itself: what it goes by is in the question.
 */

/** How an atomic access is served while its page is in system memory. */
export const ATOMICS = ['map', 'exclusive', 'migrate'] as const

/** The question. Page numbers; the last page of a span is inclusive. */
export interface PageFault {
  readonly vpn: number
  /** A DEVICE_ACCESS value. */
  readonly access: number
  /** The area that the page lies in. */
  readonly area: { readonly first: number; readonly last: number; readonly writable: boolean }
  /** A PLACE value: never the device's own memory. */
  readonly place: number
  /** Faults of this device on this page so far, this one among them; at most 255. */
  readonly faults: number
  /** Free pages, and all pages, of the device's memory. */
  readonly free: number
  readonly capacity: number
  /** The machine's time. */
  readonly nowNs: number
}

/** Where the page goes. */
export type Answer =
  | { readonly do: 'map' }
  | { readonly do: 'pin' }
  /** Pages [first, first + pages): the faulting one among them. Cut to its area and its 2 MiB, and to what the device can hold. */
  | { readonly do: 'migrate'; readonly first: number; readonly pages: number }

/** Decides where the pages of an svm device with memory go (docs/svm.md). Keeps nothing: every worker has its own copy. */
export interface MigrationPolicy {
  /** How it is called in reports. */
  readonly name: string
  /**
   * `map`: an atomic access is a write, as on hardware that is coherent with the CPUs; `exclusive`: the page is taken from all CPUs
   * for it; `migrate`: it moves to the device, whatever else is answered. Default `map`.
   */
  readonly atomics?: (typeof ATOMICS)[number]
  /** What moves is grown to the neighbourhood that is on the device mostly (svm/density.ts). Default false. */
  readonly prefetch?: boolean
  /** Pages that are moved to and fro are left alone, then pinned (svm/thrashing.ts). Default false. */
  readonly mitigateThrashing?: boolean
  /** Asked once for each fault on a page that is not in the memory of the device. No lock held. */
  onFault(fault: PageFault): Answer
}

/** Faults at which `threshold` moves a page. */
const THRESHOLD = 3

const MAP: Answer = { do: 'map' }

/** Pages stay in system memory: the default of a device without memory. */
export const system: MigrationPolicy = { name: 'system', onFault: () => MAP }

/** A page moves at its first fault: the default of a device with memory. */
export const firstTouch: MigrationPolicy = {
  name: 'first-touch',
  prefetch: true,
  mitigateThrashing: true,
  onFault: ({ vpn }) => ({ do: 'migrate', first: vpn, pages: 1 }),
}

/** A page moves at its third fault. */
export const threshold: MigrationPolicy = {
  name: 'threshold',
  mitigateThrashing: true,
  onFault: ({ vpn, faults }) => (faults >= THRESHOLD ? { do: 'migrate', first: vpn, pages: 1 } : MAP),
}

const BY_NAME: ReadonlyMap<string, MigrationPolicy> = new Map(
  [system, firstTouch, threshold].map((policy) => [policy.name, policy]),
)

/** The policy that a device goes by: one given by name or as an object, or the default of a device with memory. */
export function policyOf(given: unknown): MigrationPolicy {
  if (given === undefined) return firstTouch
  return typeof given === 'string' ? (BY_NAME.get(given) as MigrationPolicy) : (given as MigrationPolicy)
}

/** Asks a policy. Throws for an answer that is none: the run ends with the policy's name. */
export function askPolicy(policy: MigrationPolicy, fault: PageFault): Answer {
  const answer = policy.onFault(fault) as Answer | undefined
  if (answer?.do === 'map' || answer?.do === 'pin') return answer
  if (answer?.do === 'migrate' && Number.isInteger(answer.first) && Number.isInteger(answer.pages)) return answer
  throw new TypeError(`policy ${policy.name} answered ${JSON.stringify(answer)}, and not map, pin or migrate with pages`)
}

/** What is wrong with a policy, as one clause; null: nothing. */
export function policyProblem(given: unknown): string | null {
  if (typeof given === 'string')
    return BY_NAME.has(given) ? null : `there is no policy ${JSON.stringify(given)}; there are ${[...BY_NAME.keys()].join(', ')}`
  if (typeof given !== 'object' || given === null) return 'its module exports none: the default export must be an object'
  const { name, atomics = 'map', onFault } = given as Partial<MigrationPolicy>
  if (typeof name !== 'string' || name === '') return 'it has no name'
  if (typeof onFault !== 'function') return `${name} has no onFault()`
  if (!ATOMICS.includes(atomics)) return `atomics of ${name} are one of ${ATOMICS.join(', ')}, not ${JSON.stringify(atomics)}`
  return null
}
