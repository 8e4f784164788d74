/**
 * Reporting a violation. The first reporter halts the machine and unwinds with the report; the actor loop hands it to the
 * booting thread. Oracles themselves live in shared/check and in the rooms whose invariants they are; this is only how
 * they speak. The codes are those of the catalogue of known races.
 */
import { haltMachine } from './halt.ts'
import { unwind } from './point.ts'
import type { Task } from './task.ts'

/** The oracles by their codes (docs/oracles.md). */
export const ORACLES = {
  PG: 'page generation',
  PERM: 'shadow permission',
  SUB: 'subset at quiescence',
  REF: 'reference audit',
  LIFE: 'object lifetime',
  LIN: 'data order',
  SUM: 'sum audit',
  DIRTY: 'dirty accounting',
  DLK: 'deadlock',
  PROG: 'progress',
  WAKE: 'lost wakeup',
  CON: 'contract',
  SEC: 'secrecy',
} as const
/** Code of an oracle. */
export type Oracle = keyof typeof ORACLES

/** What an oracle saw: a bug, never a maybe. */
export interface Violation {
  readonly oracle: Oracle
  readonly message: string
  /** Name of the actor that saw it. */
  readonly actor?: string
  readonly device?: number
  /** Page number the violation is about. */
  readonly page?: number
  /** The operations that met, in words: the one that saw it first. */
  readonly operations?: readonly string[]
}

/** Unwinds the reporting actor to its loop. */
export class ViolationSignal {
  readonly name = 'ViolationSignal'
  readonly violation: Violation
  constructor(violation: Violation) {
    this.violation = violation
  }
}

/** Halts the machine with this report, unless another came first. Does not return. */
export function violation(task: Task, oracle: Oracle, message: string, details: Partial<Violation> = {}): never {
  if (!haltMachine(task.words, 'violation', task.id)) unwind(task)
  task.halting = true
  throw new ViolationSignal({ oracle, message, ...details })
}
