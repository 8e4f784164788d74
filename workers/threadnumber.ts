/** The host's number of the calling thread, by which it can be kept on a core (src/cores.ts). Linux tells a thread who it is; others do not. */
import { readlinkSync } from 'node:fs'
import { basename } from 'node:path'

export function threadNumber(): { thread?: number } {
  try {
    return { thread: Number(basename(readlinkSync('/proc/thread-self'))) }
  } catch {
    return {}
  }
}
