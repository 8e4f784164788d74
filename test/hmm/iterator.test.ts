/**
 * What lookup, populate and walk answer: the entry, the page, and where the answer ends; across holes of every level, in a table
 * whose root is one entry too long, and at the end of all. And the three mistakes of the table as it was posted, each of which
 * these questions would notice.
 */
import t from 'tap'
import { allocObject, freeObject, type ObjectKind } from '../../shared/frame/objects.ts'
import { directoryKind } from '../../shared/hmm/directory.ts'
import * as right from '../../shared/hmm/iterator.ts'
import { EINVAL } from '../../shared/memory/errno.ts'
import { atomicLoad } from '../../shared/seam/atomics.ts'
import { RCU_EPOCH_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MIRROR_LEAF } from '../../shared/sync/classes.ts'
import { rcuReadLock } from '../../shared/sync/rcu.ts'
import { spinLock, spinTryLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { importEdited } from '../support/edited.ts'
import { newTable, type TestTable } from '../support/mirrortable.ts'
import { solo } from '../support/solo.ts'

type Iterators = Pick<typeof right, 'MirrorIterator'>
/** Pages that one entry of levels 0, 1 and 2 spans, up to 2^48 - 1. */
const [SPAN0, SPAN1, SPAN2] = [2 ** 27, 2 ** 18, 2 ** 9]

/** Takes all objects of a kind that there are. */
function exhaust(task: Task, kind: ObjectKind): { kind: ObjectKind; at: number }[] {
  const taken: { kind: ObjectKind; at: number }[] = []
  for (let at = allocObject(task, kind); at !== 0; at = allocObject(task, kind)) taken.push({ kind, at })
  return taken
}

/** Every leaf that a walk over [start, next) comes to, as `first page..end`. */
function leaves(task: Task, table: TestTable, start: number, next: number, { MirrorIterator }: Iterators = right): string[] {
  const iterator = new MirrorIterator(task, table.view)
  const met: string[] = []
  for (let at = iterator.walk(start, next); at !== 0; at = iterator.walk(iterator.next, next))
    met.push(`${iterator.vpn}..${iterator.next}`)
  iterator.finish()
  return met
}

t.test('lookup: the entry, and up to where entries follow; or the end of the hole', (t) => {
  const { task } = solo()
  const table = newTable(task)
  table.fill(SPAN1 + 5)
  const iterator = new right.MirrorIterator(task, table.view)
  const at = iterator.lookup(SPAN1 + 5, SPAN1 + 10_000)
  t.not(atomicLoad(task, at), 0)
  t.same([iterator.vpn, iterator.next], [SPAN1 + 5, SPAN1 + 512])
  t.equal(iterator.lookup(SPAN1 + 511, SPAN1 + 10_000), at + 506, 'entries follow each other')
  t.not(iterator.lookup(SPAN1 + 5, SPAN1 + 8), 0)
  t.equal(iterator.next, SPAN1 + 8, 'never beyond what was asked for')
  for (const [level, vpn, end] of [
    [2, SPAN1 + 600, SPAN1 + 2 * SPAN2],
    [1, 5, SPAN1],
    [0, SPAN0 + 1, 2 * SPAN0],
  ] as const) {
    t.equal(iterator.lookup(vpn, 2 ** 36), 0)
    t.same([iterator.vpn, iterator.next], [vpn, end], `a missing entry of level ${level} spans just that`)
    iterator.lookup(vpn, vpn + 1)
    t.equal(iterator.next, vpn + 1)
  }
  iterator.finish()
  t.end()
})

t.test('populate: the same, made where it is missing', (t) => {
  const { task, leftovers } = solo()
  const table = newTable(task)
  const iterator = new right.MirrorIterator(task, table.view)
  const at = iterator.populate(SPAN0 + 7, 2 ** 36)
  t.same([iterator.vpn, iterator.next], [SPAN0 + 7, SPAN0 + 512])
  t.equal(iterator.lookup(SPAN0 + 7), at)
  t.equal(atomicLoad(task, at), 0)
  iterator.finish()
  t.equal(table.refs(SPAN0 + 7, 1), null, 'nothing was filled: what was made died when the iterator left')
  table.free()
  t.same(leftovers(), [])
  t.end()
})

t.test('populate without memory: 0, and what was linked on the way dies at finish', (t) => {
  const { task, leftovers } = solo({ bytes: 2 * 1024 * 1024 })
  const table = newTable(task)
  const upper = directoryKind(table.view.geometry, 1)
  const leaf = directoryKind(table.view.geometry, 3)
  const aside = allocObject(task, leaf)
  const room = [allocObject(task, upper), allocObject(task, upper)]
  const taken = [leaf, upper].flatMap((kind) => exhaust(task, kind))
  for (const at of room) freeObject(task, upper, at)
  const iterator = new right.MirrorIterator(task, table.view)
  t.equal(iterator.populate(5), 0)
  t.same([table.refs(5, 1), table.refs(5, 2), table.refs(5, 3)], [2, 1, null], 'protected, and in no danger')
  iterator.finish()
  t.same([table.refs(5, 1), table.refs(5, 2)], [null, null])
  freeObject(task, leaf, aside)
  table.fill(5)
  t.equal(table.refs(5, 3), 1, 'with memory it works')
  table.free()
  for (const { kind, at } of taken) freeObject(task, kind, at)
  t.same(leftovers(), [])
  t.end()
})

const FILLED = [0, 511, 512, 3 * SPAN2 + 9, SPAN1, 5 * SPAN1 + 700, SPAN0, 511 * SPAN0 + 3, 2 ** 36 - 1]
const ALL = ['0..512', '512..1024', `${3 * SPAN2}..${4 * SPAN2}`, `${SPAN1}..${SPAN1 + 512}`]
const REST = [`${5 * SPAN1 + 512}..${5 * SPAN1 + 1024}`, `${SPAN0}..${SPAN0 + 512}`, `${511 * SPAN0}..${511 * SPAN0 + 512}`]

t.test('walk: every leaf there is, over holes of every level', (t) => {
  const { task } = solo()
  const table = newTable(task)
  for (const vpn of FILLED) table.fill(vpn)
  t.same(leaves(task, table, 0, 2 ** 36), [...ALL, ...REST, `${2 ** 36 - 512}..${2 ** 36}`])
  t.same(leaves(task, table, 100, 600), ['100..512', '512..600'], 'cut to what was asked for')
  t.same(leaves(task, table, 1024, 3 * SPAN2), [], 'a hole')
  const iterator = new right.MirrorIterator(task, table.view)
  t.equal(iterator.walk(1024, 3 * SPAN2), 0)
  t.same([iterator.vpn, iterator.next], [3 * SPAN2, 3 * SPAN2], 'nothing is left')
  iterator.finish()
  t.end()
})

t.test('a table up to 2^48: one level more, and the page behind the end of the others is reached', (t) => {
  const { task, leftovers } = solo()
  const table = newTable(task, { last: 2 ** 48 })
  for (const vpn of [0, 2 ** 36 - 1, 2 ** 36]) table.fill(vpn)
  t.same(leaves(task, table, 0, 2 ** 36 + 1), ['0..512', `${2 ** 36 - 512}..${2 ** 36}`, `${2 ** 36}..${2 ** 36 + 1}`])
  for (const vpn of [0, 2 ** 36 - 1, 2 ** 36]) table.clear(vpn)
  table.free()
  t.same(leftovers(), [])
  t.end()
})

t.test('a table of one directory: the root holds the entries', (t) => {
  const { task, leftovers } = solo()
  const table = newTable(task, { last: 2 ** 16 - 1 })
  table.fill(3)
  t.same(leaves(task, table, 0, 16), ['0..16'])
  table.clear(3)
  table.free()
  t.same(leftovers(), [])
  t.end()
})

t.test('at most one directory of a level is protected, and only inside an rcu section', (t) => {
  const { task } = solo()
  const table = newTable(task)
  table.fill(0)
  table.fill(SPAN0)
  const iterator = new right.MirrorIterator(task, table.view)
  const [first, second] = [table.directory(0, 1), table.directory(SPAN0, 1)]
  t.throws(() => iterator.protectDirectory(first, 1), { message: /inside the rcu section/ })
  rcuReadLock(task)
  t.equal(iterator.protectDirectory(first, 0), -EINVAL, 'the root needs no protection')
  rcuReadLock(task)
  t.equal(iterator.protectDirectory(first, 1), 1)
  rcuReadLock(task)
  t.equal(iterator.protectDirectory(second, 1), -EINVAL, 'there is one of that level already')
  t.same([table.refs(0, 1), table.refs(SPAN0, 1)], [2, 1])
  t.throws(() => iterator.protectDirectory(second, 2), { message: /rcu section/ }, 'each left the section')
  iterator.finish()
  const dead = table.directory(SPAN0, 1)
  table.clear(SPAN0)
  rcuReadLock(task)
  t.equal(iterator.protectDirectory(dead, 1), 0, 'lost to a dying directory')
  t.end()
})

t.test('the lock of the leaf, for who takes it by itself (hmm_pt_iter_directory_lock_ptr)', (t) => {
  const { task, other } = solo()
  const table = newTable(task)
  for (const vpn of [0, SPAN2]) table.fill(vpn)
  const [mine, theirs] = [new right.MirrorIterator(task, table.view), new right.MirrorIterator(other(1), table.view)]
  t.throws(() => mine.leafLockAt(), { message: /inside a leaf directory/ }, 'an iterator that is nowhere')
  mine.lookup(0)
  theirs.lookup(5)
  const lock = mine.leafLockAt()
  t.equal(theirs.leafLockAt(), lock, 'one for all iterators inside')
  theirs.lockLeaf()
  t.equal(spinTryLock(task, lock, MIRROR_LEAF), false, 'it is the lock that lockLeaf takes')
  theirs.unlockLeaf()
  spinLock(task, lock, MIRROR_LEAF)
  theirs.lookup(SPAN2)
  t.not(theirs.leafLockAt(), lock, 'another directory has another one')
  t.ok(spinTryLock(other(1), theirs.leafLockAt(), MIRROR_LEAF))
  mine.unlockLeaf()
  t.ok(spinTryLock(task, lock, MIRROR_LEAF), 'and that one is free again')
  spinUnlock(task, lock)
  t.end()
})

t.test('finish: one grace period for all that died, none when nothing did', (t) => {
  const { task, leftovers } = solo()
  const table = newTable(task)
  const epoch = () => atomicLoad(task, RCU_EPOCH_AT)
  for (let i = 0; i < 4; i++) table.fill(i * SPAN2)
  const before = epoch()
  const iterator = new right.MirrorIterator(task, table.view)
  for (let at = iterator.walk(0, 2 ** 36); at !== 0; at = iterator.walk(iterator.next, 2 ** 36)) {
    iterator.lockLeaf()
    task.words[at] = 0
    iterator.unlockLeaf()
    iterator.countValid(-1)
  }
  t.equal(epoch(), before, 'nothing is freed on the way')
  iterator.finish()
  t.equal(epoch(), before + 1, 'four leaves and two above them')
  table.fill(0)
  table.fill(1)
  table.clear(0)
  t.equal(epoch(), before + 1)
  table.free()
  t.same(leftovers(), [])
  t.end()
})

t.test('D1-a: the parent of a level-1 directory is the root, from which nothing is dropped', async (t) => {
  const { MirrorIterator } = await importEdited<Iterators>(t, {
    file: 'shared/hmm/iterator.js',
    replace: [['if (level - 1 > 0)\n            directoryAddRefs(task, parent, -1)', 'directoryAddRefs(task, parent, -1)']],
  })
  const { task } = solo()
  const table = newTable(task)
  const root = table.refs(0, 0) as number
  for (let i = 0; i < 3; i++) {
    table.fill(i * SPAN0)
    table.clear(i * SPAN0)
    t.equal(table.refs(0, 0), root)
  }
  const iterator = new MirrorIterator(task, table.view)
  iterator.populate(0)
  t.throws(() => iterator.finish(), { message: /keeps its directory alive/ }, 'the mistake is noticed')
  t.end()
})

t.test('D1-b: a hole is as long as the missing entry, not as the directory it is missing from', async (t) => {
  const wrong = await importEdited<Iterators>(t, {
    file: 'shared/hmm/iterator.js',
    replace: [['let at = entryLast(geometry, vpn, depth) + 1', 'let at = directoryLast(geometry, vpn, depth) + 1']],
  })
  const { task } = solo()
  const table = newTable(task)
  for (const vpn of FILLED) table.fill(vpn)
  t.equal(leaves(task, table, 0, 2 ** 36).length, 8)
  const found = leaves(task, table, 0, 2 ** 36, wrong)
  t.same(found, [ALL[0], ALL[1], ALL[3], REST[1]], 'the mistake: behind each hole half of the leaves are missed')
  t.end()
})

t.test('D1-c: a walk ends at next, even when a directory begins there', async (t) => {
  const wrong = await importEdited<Iterators>(t, {
    file: 'shared/hmm/iterator.js',
    replace: [['for (let at = vpn; at < next;)', 'for (let at = vpn; at <= next;)']],
  })
  const { task } = solo()
  const table = newTable(task)
  table.fill(SPAN2)
  t.same(leaves(task, table, 0, SPAN2), [])
  const iterator = new wrong.MirrorIterator(task, table.view)
  t.not(iterator.walk(0, SPAN2), 0, 'the mistake: an entry behind the range')
  t.equal(iterator.vpn, SPAN2)
  iterator.finish()
  t.end()
})
