/**
 * The ways to a page: to its area, to the leaf of the CPU's table and to the leaf directory of a mirror's. Byte addresses; 0: there is none,
 * or it is nothing that the pass knows.
 */
import { atomicLoad } from './atomics'
import {
  AREA_LAST, AREA_LEFT, AREA_RIGHT, AREA_START, DIRECTORY_ENTRIES_AT, ENTRIES, LEVEL_0_SHIFT, LEVEL_1_SHIFT, LEVEL_2_SHIFT, PDE_VALID,
  PTE_TABLE, TABLE_ENTRIES_AT,
} from './layout'

/** The area that holds page `vpn`, in the tree whose root is the word at `root`. mmap_sem held. */
@inline
export function areaAt(root: u32, vpn: u32): u32 {
  let area = load<u32>(root) << 2
  while (area != 0) {
    if (load<u32>(area, AREA_LAST) < vpn) area = load<u32>(area, AREA_RIGHT) << 2
    else if (load<u32>(area, AREA_START) > vpn) area = load<u32>(area, AREA_LEFT) << 2
    else break
  }
  return area
}

/**
 * Three levels down from `root`, whose entries begin `entriesAt` behind it as those of every table below: the leaf of page `vpn`. An entry
 * names the next table by its word, with the bit `link` set, which no other entry has.
 */
@inline
function down(root: u32, entriesAt: u32, link: u32, vpn: u32): u32 {
  const top = entryOf(root + entriesAt, vpn, LEVEL_0_SHIFT)
  if ((top & link) == 0) return 0
  const middle = entryOf(((top & ~link) << 2) + entriesAt, vpn, LEVEL_1_SHIFT)
  if ((middle & link) == 0) return 0
  const last = entryOf(((middle & ~link) << 2) + entriesAt, vpn, LEVEL_2_SHIFT)
  if ((last & link) == 0) return 0
  return (last & ~link) << 2
}

@inline
function entryOf(entries: u32, vpn: u32, shift: u32): u32 {
  return atomicLoad(entries + (((vpn >> shift) & (ENTRIES - 1)) << 2))
}

/** The leaf of page `vpn`. mmap_sem held, and the page is in an area: no table on the way can go. */
@inline
export function leafAt(root: u32, vpn: u32): u32 {
  return down(root, TABLE_ENTRIES_AT, PTE_TABLE, vpn)
}

/** The leaf directory of page `vpn`. Inside a section of rcu, for as long as nothing else keeps it. */
@inline
export function directoryAt(root: u32, vpn: u32): u32 {
  return down(root, DIRECTORY_ENTRIES_AT, PDE_VALID, vpn)
}
