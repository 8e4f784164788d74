/** What one access to shared memory costs here, on one thread: the floors of `hmm bench`, for a short time. */
import { accessFloors } from '../../bench/floors.ts'
import { medianOf } from '../../bench/measure.ts'

export interface AccessCosts {
  readonly plain_load_ns: number
  readonly plain_store_ns: number
  readonly atomic_load_ns: number
  readonly atomic_store_ns: number
  readonly atomic_add_ns: number
  readonly atomic_cas_ns: number
}

/** Measures each for `seconds`. */
export function accessCosts(seconds: number): AccessCosts {
  const results = new Map(accessFloors(seconds).map((result) => [result.name, result]))
  const of = (name: string): number => {
    const result = results.get(`floor/${name}`)
    if (result === undefined) throw new TypeError(`there is no floor ${name}`)
    return Math.round(medianOf(result) * 100) / 100
  }
  return {
    plain_load_ns: of('plain-load'),
    plain_store_ns: of('plain-store'),
    atomic_load_ns: of('atomics-load'),
    atomic_store_ns: of('atomics-store'),
    atomic_add_ns: of('atomics-add'),
    atomic_cas_ns: of('atomics-cas'),
  }
}
