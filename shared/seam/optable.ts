/**
 * Operation tables: how a lower room calls a higher one without importing it. A record in the buffer holds a small index;
 * the function behind the index is registered in each worker when it boots. Function objects cannot be shared between
 * threads, indexes can. (The fault path to a driver's migrateToRam, an invalidation to a driver's callback.)
 */
import { HmmError } from './error.ts'
import type { Task } from './task.ts'

export interface OpKey<F> {
  readonly name: string
  /** Never set; carries the type of the functions in the table. */
  readonly type?: F
}

export type OpTables = Map<string, unknown[]>

/** Names a table whose entries have type `F`. Call once, at module level, in the room that makes the calls. */
export function opKey<F>(name: string): OpKey<F> {
  return { name }
}

export function registerOp<F>(task: Task, key: OpKey<F>, index: number, op: F): void {
  const table = task.tables.get(key.name) ?? []
  task.tables.set(key.name, table)
  table[index] = op
}

/** The function registered under `index`. A missing one is a boot mistake, named in the error. */
export function lookupOp<F>(task: Task, key: OpKey<F>, index: number): F {
  const op = task.tables.get(key.name)?.[index]
  if (op === undefined)
    throw new HmmError('HMM_ERR_OP_MISSING', `no ${key.name} operation is registered under ${index} in this worker`)
  return op as F
}
