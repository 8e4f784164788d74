/** What a round trip between two threads costs here: the floors of `hmm bench`, for a short time. */
import type { BenchResult } from '../../bench/measure.ts'
import { futexFloor, messagePortPeer, spinFloor } from '../../bench/peers.ts'
import { HmmError } from '../../shared/seam/error.ts'

export interface RoundTrips {
  /** null: the other thread did not answer. */
  readonly futex_ns: number | null
  readonly spin_ns: number | null
  readonly message_ns: number | null
}

/** Time that each is measured for. */
const SECONDS = 0.15
/** Who has not answered then does not. */
const GIVE_UP_MS = 3000

/** Measures all three. Throws where no thread can be started. */
export async function roundTrips(): Promise<RoundTrips> {
  return {
    futex_ns: await medianOf(futexFloor),
    spin_ns: await medianOf(spinFloor),
    message_ns: await medianOf(messagePortPeer),
  }
}

async function medianOf(
  floor: (seconds: number, cores: undefined, deadlineMs: number) => Promise<BenchResult>,
): Promise<number | null> {
  try {
    return (await floor(SECONDS, undefined, GIVE_UP_MS)).p50_ns
  } catch (error) {
    if (error instanceof HmmError && error.code === 'HMM_ERR_HUNG') return null
    throw error
  }
}
