/**
 * Is a machine that was laid out anew the machine that was booted? One digest for each region that laying out writes in full.
 * Left out are the objects of the heap, behind its header, and the bytes of the frames: the first are zeroed when they are
 * allocated, the others when they are handed to a user.
 */
import { HEAP_HEADER_WORDS } from '../frame/objects.ts'
import { REGION, type RegionName, regionAt, regionWords, SUPER_WORDS } from '../memory/regions.ts'
import type { Words } from '../memory/words.ts'

export type LayoutDigests = ReadonlyMap<RegionName | 'superblock', number>

/** Digests of a machine on which no actor has run since it was laid out. */
export function layoutDigests(words: Words): LayoutDigests {
  const digests = new Map<RegionName | 'superblock', number>([['superblock', digest(words, 0, SUPER_WORDS)]])
  for (const name of Object.keys(REGION) as RegionName[]) {
    const at = regionAt(words, name)
    if (name === 'bytes') continue
    digests.set(name, digest(words, at, at + (name === 'heap' ? HEAP_HEADER_WORDS : regionWords(words, name))))
  }
  return digests
}

/** Names of the regions in which two layouts differ. */
export function layoutDifference(one: LayoutDigests, other: LayoutDigests): string[] {
  return [...one].filter(([name, value]) => other.get(name) !== value).map(([name]) => name)
}

/** FNV-1a over words. */
function digest(words: Words, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (words[i] as number), 0x01000193)
  return hash
}
