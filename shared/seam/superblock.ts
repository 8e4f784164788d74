/**
 * The superblock's run words: the few words that belong to the machine as a whole.
 *
 *     word RUN_AT + 0        16          32 ............ 47      48 ........ 63      64 ...
 *          +---------+-----+-------+-----+----------------------+------------------+---------+
 *          | HALT    | pad | AWAKE | pad | configuration        | rcu              | chance  |
 *          +---------+-----+-------+-----+----------------------+------------------+---------+
 *
 *   HALT           0 while running; then `cause << 8 | actor + 1`, written once by compare-and-exchange (seam/halt.ts).
 *   AWAKE          actors that are not asleep in park(). Atomic; says whether spinning can help (a core is free).
 *   configuration  written by the booting thread before a run starts, read plainly by everyone during it.
 *   rcu            EPOCH and WAITERS of the grace-period domain (sync/rcu.ts). Atomic.
 */
import { RUN_AT } from '../memory/regions.ts'
import type { WordAt } from '../memory/words.ts'

export const HALT_AT: WordAt = RUN_AT
export const AWAKE_AT: WordAt = RUN_AT + 16
export const ACTOR_COUNT_AT: WordAt = RUN_AT + 32
/** Cores the machine may count on; a waiter spins only while AWAKE <= CORES. */
export const CORES_AT: WordAt = RUN_AT + 33
/** 1 in checked builds: held locks, lock order, object shadow and pair assertions are verified. */
export const CHECKED_AT: WordAt = RUN_AT + 34
/** Probability of a noise spin at a point, in 1/65536; 0 = no noise. */
export const NOISE_AT: WordAt = RUN_AT + 35
/** How an invalidation's callbacks run: NOTIFY_DISPATCHER or NOTIFY_INLINE (notifier/dispatch.ts). */
export const NOTIFY_MODE_AT: WordAt = RUN_AT + 36
/** Seed of the run's chance streams, low word. */
export const SEED_AT: WordAt = RUN_AT + 37
/** The machine's era: its place in ERAS (hmm/era.ts). */
export const ERA_AT: WordAt = RUN_AT + 38
/** Milliseconds for which mirror page tables keep empty directories; 0: they die when they are empty (hmm/kept.ts). */
export const KEEP_DIRECTORIES_MS_AT: WordAt = RUN_AT + 39
/** Counts actors that have finished their program in this run; the booting thread polls it. Atomic. */
export const FINISHED_AT: WordAt = RUN_AT + 40
/** 1 when workloads should wind down at their next operation (end of a stress run). Atomic. */
export const WIND_DOWN_AT: WordAt = RUN_AT + 41
/** Operations begun by all actors together; gives traces one order (seam/trace.ts). Atomic. */
export const OP_ORDER_AT: WordAt = RUN_AT + 42
export const RCU_EPOCH_AT: WordAt = RUN_AT + 48
export const RCU_WAITERS_AT: WordAt = RUN_AT + 49
