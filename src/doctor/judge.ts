/**
 * What was found of a host, in words: which figures can be trusted on it. Figures go in and sentences come out, so that hosts can be
 * judged that are not at hand.
 */
import { STEPS_OF_A_BATCH, STEPS_OF_A_TIME } from '../../bench/clock.ts'
import type { Findings } from '../doctor.ts'

/** How far one kind of figure can be trusted on a host, and why. */
export interface Judgement {
  /** What kind of figure. */
  readonly what: string
  readonly trust: 'yes' | 'with care' | 'no'
  readonly why: string
}

/** Nine of ten loops that are always the same differ by less than this on a host that is left alone. */
const EVEN = 0.1
const UNEVEN = 0.5
/** Others with more of the cores than this are in the figures. */
const BUSY = 0.1
const CROWDED = 0.5
/** Actors of a small machine that is under load: two cpus, dispatcher, engine, service. */
const ACTORS = 5
/** A clock with this step makes batches of a tenth of a second, and no percentiles of single faults. */
const COARSE_NS = 100_000

export function judge(found: Findings): Judgement[] {
  return [threads(found), percentiles(found), contention(found), hops(found), runs(found)]
}

function threads({ loop }: Findings): Judgement {
  const what = 'one thread: scale, costs of an access, ratios to them'
  const differ = `a loop that is always the same takes ${percent(loop.spread)} more or less`
  if (loop.spread > UNEVEN) return { what, trust: 'with care', why: `${differ}: only ratios of medians within one run` }
  if (loop.spread > EVEN) return { what, trust: 'with care', why: `${differ}: differences smaller than that mean nothing` }
  return { what, trust: 'yes', why: differ }
}

function percentiles({ clock, others }: Findings): Judgement {
  const what = 'percentiles'
  const step = clock.step_ns
  const least = `${time(step * STEPS_OF_A_TIME)} by itself and ${time(step * STEPS_OF_A_BATCH)} in a batch`
  if (step >= COARSE_NS)
    return {
      what,
      trust: 'no',
      why: `the clock goes in steps of ${time(step)}: percentiles of anything shorter than ${least} mean nothing`,
    }
  if (others !== null && others > BUSY)
    return {
      what,
      trust: 'with care',
      why: `other processes use ${percent(others)} of the cores: p99 and above are how long they kept one`,
    }
  return { what, trust: 'yes', why: `the clock goes in steps of ${time(step)}: what is shorter than ${least} is refused` }
}

function contention({ cores, others }: Findings): Judgement {
  const what = 'contention: retries, overlaps, throughput under load'
  if (cores.usable === 1)
    return {
      what,
      trust: 'no',
      why: 'one core: actors take turns and never meet; how often they collide is the scheduler of the host',
    }
  if (others !== null && others > CROWDED)
    return { what, trust: 'no', why: `other processes use ${percent(others)} of the cores: actors seldom run at the same time` }
  if (cores.usable < ACTORS)
    return {
      what,
      trust: 'with care',
      why: `a small machine has ${ACTORS} actors, and they share ${cores.usable} cores: compare eras and drivers, not hosts`,
    }
  return { what, trust: 'yes', why: `${cores.usable} cores for ${ACTORS} actors and more` }
}

function hops({ cores, taskset, round_trips: { futex_ns: futex, spin_ns: spin } }: Findings): Judgement {
  const what = 'hops between threads: invalidations, mailboxes, switches of an exploration'
  if (cores.usable === 1)
    return { what, trust: 'no', why: 'one core: each hop is a switch of the host, and spinning waits for its time slice' }
  if (futex === null || spin === null) return { what, trust: 'no', why: 'a thread did not answer another in time' }
  if (spin > futex)
    return {
      what,
      trust: 'no',
      why: `spinning takes ${time(spin)} there and back and sleeping ${time(futex)}: somebody else has one of the cores`,
    }
  if (!taskset)
    return {
      what,
      trust: 'with care',
      why: 'there is no taskset: actors of an exploration are where the host puts them, and its switches vary',
    }
  return { what, trust: 'yes', why: `spinning is ${Math.round(futex / spin)} times as quick as waking a thread` }
}

function runs({ others, loop }: Findings): Judgement {
  const what = 'two runs held against each other (hmm bench --compare)'
  if (others !== null && others > BUSY)
    return {
      what,
      trust: 'with care',
      why: `other processes use ${percent(others)} of the cores: a result with a floor beside it, and more repetitions`,
    }
  if (loop.spread > EVEN) return { what, trust: 'with care', why: 'the host is uneven: more repetitions' }
  return { what, trust: 'yes', why: others === null ? 'the host is even' : `other processes use ${percent(others)} of the cores` }
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

function time(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`
  return ns < 1e6 ? `${Math.round(ns / 100) / 10} us` : `${Math.round(ns / 1e5) / 10} ms`
}
