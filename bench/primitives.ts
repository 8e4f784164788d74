/**
 * What one access to shared memory costs on one thread, with nobody else there: plain, and by Atomics. A call does a thousand of them,
 * so that neither the call nor the clock is what is measured; the loop around them is, and is a part of each.
 */
import { measure, medianOf } from './measure.ts'

export interface AccessCosts {
  readonly plain_load_ns: number
  readonly plain_store_ns: number
  readonly atomic_load_ns: number
  readonly atomic_store_ns: number
  readonly atomic_add_ns: number
  readonly atomic_cas_ns: number
}

const TIMES = 1000
const WORDS = 64

/** Measures each for `seconds`. */
export function accessCosts(seconds: number): AccessCosts {
  const words = new Int32Array(new SharedArrayBuffer(WORDS * 4))
  const sum = new Int32Array(1)
  const of = (name: string, operation: () => void) =>
    Math.round((medianOf(measure({ name, seconds }, operation)) / TIMES) * 100) / 100
  return {
    plain_load_ns: of('plain load', () => {
      let seen = 0
      for (let i = 0; i < TIMES; i++) seen += words[i & (WORDS - 1)] as number
      sum[0] = seen
    }),
    plain_store_ns: of('plain store', () => {
      for (let i = 0; i < TIMES; i++) words[i & (WORDS - 1)] = i
    }),
    atomic_load_ns: of('Atomics.load', () => {
      let seen = 0
      for (let i = 0; i < TIMES; i++) seen += Atomics.load(words, i & (WORDS - 1))
      sum[0] = seen
    }),
    atomic_store_ns: of('Atomics.store', () => {
      for (let i = 0; i < TIMES; i++) Atomics.store(words, i & (WORDS - 1), i)
    }),
    atomic_add_ns: of('Atomics.add', () => {
      for (let i = 0; i < TIMES; i++) Atomics.add(words, i & (WORDS - 1), 1)
    }),
    atomic_cas_ns: of('Atomics.compareExchange', () => {
      for (let i = 0; i < TIMES; i++) Atomics.compareExchange(words, i & (WORDS - 1), 0, 0)
    }),
  }
}
