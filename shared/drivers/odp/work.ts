/**
 * What callbacks and requests leave to the service, by its queue. An item keeps no reference: it names the address space, and what it
 * is about is looked up when its turn comes.
 */
export const WORK = {
  /** Address space, page: prefetch from there on. */
  prefetch: 1,
  /** Address space: children without pages are to be freed. */
  bury: 2,
} as const
