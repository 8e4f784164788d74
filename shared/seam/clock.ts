/**
 * The clock: the only one. A task is given a `nowNs` when it is made; in a free run that is this one, in a controlled run a
 * virtual one. Nothing else in shared/ or workers/ may ask for the time.
 */

/** Monotonic nanoseconds of the host. The host's own resolution is finer than the 100 ns that a call costs. */
export function hostNowNs(): number {
  return performance.now() * 1e6
}

/**
 * Microseconds on a clock that the threads of a process have in common: `hostNowNs` counts from the start of its own thread. Finer
 * than a microsecond, but not by much. For measuring what begins on one actor and ends on another.
 */
export function sharedNowUs(): number {
  return (performance.timeOrigin + performance.now()) * 1000
}
