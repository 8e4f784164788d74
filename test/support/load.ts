/** A load that ends when enough was done, and not after a time: a quick host is soon through, and a busy one gets there as well. */
import { type StressOptions, type StressResult, stress } from '../../src/stress.ts'
import type { StressProgress } from '../../src/stressfigures.ts'

/** More than a busy host needs for any of them. */
const MOST_S = 60

/** Loads until `enough` says so, which is asked once a second. */
export function loadUntil(enough: (progress: StressProgress) => boolean, options: StressOptions): Promise<StressResult> {
  const ended = new AbortController()
  const onProgress = (progress: StressProgress) => {
    if (enough(progress)) ended.abort()
  }
  return stress({ seconds: MOST_S, ...options, onProgress, signal: ended.signal })
}
