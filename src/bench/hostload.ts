/** Who else used the cores: what Linux counts for those that this process may use, less what the process used itself. */
import { readFileSync } from 'node:fs'
import { usableCores } from '../cores.ts'

export interface HostLoad {
  /** Seconds of all usable cores together: in use, and in all. */
  readonly busy: number
  readonly all: number
  /** Seconds that this process used. */
  readonly own: number
}

/** Linux tells times of cores in hundredths of a second, on every architecture. */
const TICKS_PER_S = 100

/** undefined where the host does not tell. */
export function hostLoad(): HostLoad | undefined {
  let text: string
  try {
    text = readFileSync('/proc/stat', 'utf8')
  } catch {
    return undefined // not Linux
  }
  let busy = 0
  let all = 0
  for (const core of usableCores()) {
    const ticks = new RegExp(`^cpu${core} (.*)$`, 'm').exec(text)?.[1]?.trim().split(/\s+/).map(Number) ?? []
    // user nice system idle iowait irq softirq steal; what follows is contained in user.
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = ticks
    const used = user + nice + system + irq + softirq + steal
    busy += used / TICKS_PER_S
    all += (used + idle + iowait) / TICKS_PER_S
  }
  const { user, system } = process.cpuUsage()
  return all === 0 ? undefined : { busy, all, own: (user + system) / 1e6 }
}

/** Share of the cores' time that others used between two readings: 0 to 1. */
export function shareOfOthers(before: HostLoad | undefined, after: HostLoad | undefined): number | undefined {
  if (before === undefined || after === undefined || after.all <= before.all) return undefined
  const others = after.busy - before.busy - (after.own - before.own)
  return Math.max(0, Math.min(1, others / (after.all - before.all)))
}
