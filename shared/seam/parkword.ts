/** States of an actor's PARK word; transitions in seam/park.ts. Apart, because halting must write it without parking. */
export const PARK_EMPTY = 0
export const PARK_ASLEEP = 1
export const PARK_TOKEN = 2
