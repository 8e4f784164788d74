/** Sets of actors as bits of one word. */

/** The lowest actor of a set that is not empty. */
export function lowest(set: number): number {
  return 31 - Math.clz32(set & -set)
}

export function has(set: number, actor: number): boolean {
  return actor >= 0 && ((set >>> actor) & 1) === 1
}

/** Number of actors in a set. */
export function sizeOf(set: number): number {
  let rest = set
  let size = 0
  for (; rest !== 0; rest &= rest - 1) size++
  return size
}

/** The actor of rank `rank` in a set, from 0 at the lowest. */
export function member(set: number, rank: number): number {
  let rest = set
  for (let i = 0; i < rank; i++) rest &= rest - 1
  return lowest(rest)
}

/** Goes on with `current` while it can; else the lowest number. The schedule without preemptions. */
export function stay(enabled: number, current: number): number {
  return has(enabled, current) ? current : lowest(enabled)
}
