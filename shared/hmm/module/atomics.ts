/**
 * The seam of the module: atomics on words of the machine's memory, by byte address. In the form that is explored each is a schedule
 * point, as in shared/seam/atomics.ts; in the form that is shipped a point is nothing, and this is one instruction.
 */
import { EXPLORED, POINT_LOAD, POINT_RMW, POINT_STORE } from './layout'

@external("host", "point")
declare function point(kind: i32, word: u32): void

@inline
export function atomicLoad(at: u32): i32 {
  if (EXPLORED) point(POINT_LOAD, at >> 2)
  return atomic.load<i32>(at)
}

@inline
export function atomicStore(at: u32, value: i32): void {
  if (EXPLORED) point(POINT_STORE, at >> 2)
  atomic.store<i32>(at, value)
}

/** Returns the value before. */
@inline
export function atomicAdd(at: u32, amount: i32): i32 {
  if (EXPLORED) point(POINT_RMW, at >> 2)
  return atomic.add<i32>(at, amount)
}

/** Returns the value found: equal to `expected` means that `value` was stored. */
@inline
export function atomicCas(at: u32, expected: i32, value: i32): i32 {
  if (EXPLORED) point(POINT_RMW, at >> 2)
  return atomic.cmpxchg<i32>(at, expected, value)
}

/** As atomicLoad, for the oracles' own bookkeeping: no schedule point. */
@inline
export function quietLoad(at: u32): i32 {
  return atomic.load<i32>(at)
}
