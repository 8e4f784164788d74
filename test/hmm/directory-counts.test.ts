/**
 * What is counted on a directory, event by event: a row of the table in shared/hmm/directory.ts each, for the child and for its
 * parent; and what must not be counted. The counter is the number of valid entries or live children, and of iterators inside.
 */
import t from 'tap'
import type { Frame } from '../../shared/frame/frames.ts'
import { directoryGetUnlessDead, directoryRefs, NO_DIRECTORY, pdeDirectory, pdeOf } from '../../shared/hmm/directory.ts'
import { MirrorIterator } from '../../shared/hmm/iterator.ts'
import {
  type DmaAddr,
  hmmPteClearValidPfn,
  hmmPteFromDmaAddr,
  hmmPteFromPfn,
  hmmPteSetValidDma,
} from '../../shared/hmm/mirrorpte.ts'
import { atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { readStat } from '../../shared/seam/stats.ts'
import { ACTOR_COUNT_AT } from '../../shared/seam/superblock.ts'
import { newTable } from '../support/mirrortable.ts'
import { solo } from '../support/solo.ts'

const PAGE = 2 ** 27 + 2 ** 18 + 5

t.test("created by populate: 1, the iterator's own, and 1 more in the parent; the root is not counted", (t) => {
  const { task, leftovers } = solo()
  const table = newTable(task)
  const root = table.refs(0, 0)
  const iterator = new MirrorIterator(task, table.view)
  t.not(iterator.populate(PAGE), 0)
  t.same(
    [1, 2, 3].map((level) => table.refs(PAGE, level)),
    [2, 2, 1],
    'an iterator each, and a child but for the leaf',
  )
  t.equal(table.refs(0, 0), root, 'the root is not counted')
  t.equal(readStat(task.words, task.words[ACTOR_COUNT_AT] as number, 'mirrorDirectories'), 3)
  iterator.finish()
  table.free()
  t.same(leftovers(), [])
  t.end()
})

t.test('an iterator protects it: 1 more, unless it is 0', (t) => {
  const { task } = solo()
  const table = newTable(task)
  table.fill(PAGE)
  const iterator = new MirrorIterator(task, table.view)
  t.equal(table.refs(PAGE, 3), 1)
  iterator.lookup(PAGE)
  t.equal(table.refs(PAGE, 3), 2)
  iterator.lookup(PAGE + 1)
  t.equal(table.refs(PAGE, 3), 2, 'once per iterator, not per call')
  const dead = table.directory(PAGE, 3)
  iterator.finish()
  table.clear(PAGE)
  t.equal(directoryRefs(task, dead), 0)
  t.equal(directoryGetUnlessDead(task, dead), false, 'a dead one is protected by nobody')
  t.equal(directoryRefs(task, dead), 0)
  t.end()
})

t.test('an iterator unprotects it: 1 less', (t) => {
  const { task } = solo()
  const table = newTable(task)
  table.fill(PAGE)
  const iterator = new MirrorIterator(task, table.view)
  iterator.lookup(PAGE)
  t.equal(table.refs(PAGE, 3), 2)
  t.equal(iterator.lookup(PAGE + 512), 0, 'the next leaf is not there')
  t.equal(table.refs(PAGE, 3), 1)
  t.equal(table.refs(PAGE, 2), 2, 'which is below the same parent: that stays protected')
  iterator.finish()
  t.equal(table.refs(PAGE, 2), 1)
  t.end()
})

t.test('a page entry becomes valid: 1 more; invalid: 1 less', (t) => {
  const { task } = solo()
  const table = newTable(task)
  for (let i = 0; i < 5; i++) {
    table.fill(PAGE + i)
    t.equal(table.refs(PAGE, 3), i + 1)
    t.equal(table.refs(PAGE, 2), 1, 'the parent counts its child, not pages')
  }
  table.clear(PAGE + 2)
  t.equal(table.refs(PAGE, 3), 4)
  t.end()
})

t.test('a valid bit is added to an entry that is valid: nothing changes', (t) => {
  const { task } = solo()
  const table = newTable(task)
  const iterator = new MirrorIterator(task, table.view)
  table.fill(PAGE)
  const at = iterator.lookup(PAGE)
  t.equal(table.refs(PAGE, 3), 2)
  hmmPteSetValidDma(task, at) // from a page to its bus address
  hmmPteClearValidPfn(task, at)
  iterator.finish()
  table.fill(PAGE)
  t.equal(table.refs(PAGE, 3), 1)
  table.clear(PAGE)
  t.equal(table.refs(PAGE, 3), null, 'and the one entry was all that kept it')
  t.end()
})

t.test('the counter reaches 0: dead, and 1 less in the parent, which dies with its last child', (t) => {
  const { task, leftovers } = solo()
  const table = newTable(task)
  table.fill(PAGE)
  table.fill(PAGE + 512)
  t.equal(table.refs(PAGE, 2), 2)
  table.clear(PAGE)
  t.same([table.refs(PAGE, 3), table.refs(PAGE, 2)], [null, 1])
  table.clear(PAGE + 512)
  t.same(
    [1, 2, 3].map((level) => table.refs(PAGE, level)),
    [null, null, null],
  )
  table.free()
  t.same(leftovers(), [])
  t.end()
})

t.test('ref with counter 0, and unref that reaches 0, are bugs', (t) => {
  const { task } = solo()
  const table = newTable(task)
  table.fill(PAGE)
  const iterator = new MirrorIterator(task, table.view)
  t.throws(() => iterator.countValid(1), { message: /inside a leaf directory/ }, 'an iterator that is nowhere')
  iterator.lookup(PAGE)
  t.throws(() => iterator.countValid(-2), { message: /keeps its directory alive/ })
  t.throws(() => iterator.countValid(1), { message: /keeps its directory alive/ }, 'the unref before left 0')
  t.end()
})

t.test('a directory entry names a child or nobody; page entries are another type', (t) => {
  const { task } = solo()
  const table = newTable(task)
  table.fill(PAGE)
  const child = table.directory(PAGE, 1)
  t.equal(pdeOf(child) & 1, 1, 'the valid bit')
  t.equal(pdeDirectory(pdeOf(child)), child)
  t.equal(pdeDirectory(0), NO_DIRECTORY)
  t.equal(pdeDirectory(child), NO_DIRECTORY, 'without the valid bit it names nobody')
  const at = new MirrorIterator(task, table.view).lookup(PAGE)
  atomicStore(task, at, hmmPteFromDmaAddr(0x3000 as DmaAddr))
  t.equal(atomicLoad(task, at) & 2, 2)
  // @ts-expect-error: a page entry is no directory entry
  const wrong: ReturnType<typeof pdeOf> = hmmPteFromPfn(1 as Frame)
  t.type(wrong, 'number')
  t.end()
})

t.test('fini frees every directory, bottom up, without looking at page entries', (t) => {
  for (const last of [2 ** 48 - 1, 2 ** 48, 2 ** 32 - 1, 4095]) {
    const { task, leftovers } = solo()
    const table = newTable(task, { last })
    const highest = table.view.geometry.last
    for (const vpn of new Set([0, Math.min(600, highest), highest])) table.fill(vpn)
    t.not(leftovers().length, 0)
    table.free()
    t.same(leftovers(), [], `up to ${last}`)
  }
  t.end()
})
