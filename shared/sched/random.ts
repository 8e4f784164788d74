/**
 * The random walk: at every point each actor that can move is as likely as any other. Simple, never exhausted, and for bugs
 * that need many switches often the best there is (Thomson, Donaldson and Betts, "Concurrency testing using schedule bounding:
 * an empirical study", PPoPP 2014).
 */
import { regionAt } from '../memory/regions.ts'
import type { Words } from '../memory/words.ts'
import { RUN_CHANCE, SCHEDULE } from '../seam/batonword.ts'
import { nextBelow } from '../seam/chance.ts'
import type { Scheduler } from '../seam/control.ts'
import { lowest, member, sizeOf, stay } from './bits.ts'
import { BASELINE } from './pct.ts'

/** Makes the walk; its chance is the schedule's. */
export function randomScheduler(words: Words): Scheduler {
  const header = regionAt(words, 'scheduler')
  const chance = header + RUN_CHANCE
  return {
    begin() {},
    choose(enabled, current) {
      if (words[header + SCHEDULE] === BASELINE) return stay(enabled, current)
      if ((enabled & (enabled - 1)) === 0) return lowest(enabled)
      return member(enabled, nextBelow(words, chance, sizeOf(enabled)))
    },
  }
}
