/**
 * Errors, three kinds. A broken invariant of ours throws InvariantError with the invariant's name. A refused operation
 * returns a negative errno (memory/errno.ts) and throws nothing. Everything a user did wrong is an HmmError: a code, and
 * one sentence that says what to do.
 */
export class HmmError extends Error {
  override readonly name = 'HmmError'
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** An invariant of the runtime does not hold: a bug in the runtime, or in a driver that broke the contract it names. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Always-on assertion. `invariant` is a sentence that should be true. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new InvariantError(`broken invariant: ${invariant}`)
}

/**
 * How many copies of the core this thread has loaded. There must be one: a driver that brings a second (another installed
 * version, or a file of the core named by its path) would throw errors that nobody knows and keep state that nobody else sees.
 */
export function coreCopies(): number {
  return counted[COPIES] ?? 0
}

const COPIES = Symbol.for('hmm-runtime.copies')
const counted = globalThis as { [COPIES]?: number }
counted[COPIES] = coreCopies() + 1
