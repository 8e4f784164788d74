/** How much memory threads can share here. */
import { freemem, totalmem } from 'node:os'
import { createBuffer, MAX_BUFFER_BYTES } from '../../shared/memory/regions.ts'

export interface MemoryHere {
  readonly total_bytes: number
  readonly free_bytes: number
  /** What this process may use at most, where the host sets a limit below the total. */
  readonly limit_bytes: number | null
  /** Whether 64 MiB can be shared, which is what a machine has unless told otherwise. */
  readonly shares_machine: boolean
  /** Most that could be shared, of 64 MiB, 256 MiB, 1 GiB and the 4 GiB that a machine may have. */
  readonly shares_bytes: number
}

const MACHINE = 64 * 2 ** 20
const TRIED = [MACHINE, 256 * 2 ** 20, 2 ** 30, MAX_BUFFER_BYTES]

export function memoryHere(): MemoryHere {
  const limit = process.constrainedMemory()
  const shares = TRIED.filter(canShare)
  return {
    total_bytes: totalmem(),
    free_bytes: freemem(),
    limit_bytes: limit > 0 && limit < totalmem() ? limit : null,
    shares_machine: shares.includes(MACHINE),
    shares_bytes: Math.max(0, ...shares),
  }
}

/** It costs addresses until it is written to: only its last word is. */
function canShare(bytes: number): boolean {
  try {
    const last = new Int32Array(createBuffer(bytes), bytes - 4)
    last[0] = 1
    return last[0] === 1
  } catch {
    return false
  }
}
