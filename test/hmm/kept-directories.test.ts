/**
 * Delayed reclaim: how long does an empty directory live, and what ends that earlier? A clock that the test sets stands for the
 * keeper's. And what it is for: emptying and filling the same directories makes ten times fewer of them, at least.
 */
import t from 'tap'
import { allocObject, freeObject, objectKind } from '../../shared/frame/objects.ts'
import { directoryKind, NO_DIRECTORY } from '../../shared/hmm/directory.ts'
import { MirrorIterator } from '../../shared/hmm/iterator.ts'
import { keptCount, MAX_KEPT } from '../../shared/hmm/kept.ts'
import { pruneAll, pruneIdle, pruneInside, pruneRange } from '../../shared/hmm/table.ts'
import { PARK } from '../../shared/seam/actors.ts'
import { PARK_TOKEN } from '../../shared/seam/parkword.ts'
import { readStat } from '../../shared/seam/stats.ts'
import { ACTOR_COUNT_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { newTable, type TestTable } from '../support/mirrortable.ts'
import { type Solo, solo } from '../support/solo.ts'

const MS = 40
const LEAF = 512
/** As large as a machine's memory for objects nearly is: it cannot be had. */
const LARGE = objectKind(31, 'something large', 2000)

function made(task: Task): number {
  return readStat(task.words, task.words[ACTOR_COUNT_AT] as number, 'mirrorDirectories')
}

interface Keeping extends Solo {
  readonly table: TestTable
  kept(): number
  /** Fills page `vpn` and takes it away again. */
  empty(vpn: number): void
}

function keeping(options: Parameters<typeof solo>[0] = {}, keepMs = MS): Keeping {
  const machine = solo(options)
  const table = newTable(machine.task, { keepMs })
  return {
    ...machine,
    table,
    kept: () => keptCount(machine.task, table.view.root),
    empty: (vpn) => {
      table.fill(vpn)
      table.clear(vpn)
    },
  }
}

t.test("an emptied leaf is kept: its last reference is the list's, and its keeper is woken", (t) => {
  const { task, table, kept, empty } = keeping()
  empty(5)
  t.same([table.refs(5, 3), kept()], [1, 1])
  t.equal(task.words[task.record + PARK], PARK_TOKEN)
  t.same([table.refs(5, 2), table.refs(5, 1)], [1, 1], 'and so its parents live')
  const leaf = table.directory(5, 3)
  table.fill(7)
  t.equal(table.directory(5, 3), leaf, 'who comes back finds it')
  t.same([table.refs(5, 3), kept(), made(task)], [2, 1, 3])
  t.end()
})

t.test('a table that does not keep: it dies at once', (t) => {
  const { task, table, kept, empty } = keeping({}, 0)
  empty(5)
  t.same([table.refs(5, 3), kept()], [null, 0])
  t.equal(pruneIdle(task, table.view, 0), 0)
  t.end()
})

t.test('its time begins when the keeper looks, and ends the first time it looks after it', (t) => {
  const { task, table, empty, leftovers } = keeping()
  empty(5)
  t.equal(pruneIdle(task, table.view, 1000), 1)
  t.equal(pruneIdle(task, table.view, 1000 + MS - 1), 1)
  t.equal(pruneIdle(task, table.view, 1000 + MS), 0)
  t.same(
    [1, 2, 3].map((level) => table.refs(5, level)),
    [null, null, null],
    'its parents with it',
  )
  table.free()
  t.same(leftovers(), [])
  t.end()
})

t.test('used meanwhile: its time begins anew', (t) => {
  const { task, table, empty } = keeping()
  empty(5)
  pruneIdle(task, table.view, 1000)
  empty(6)
  t.equal(pruneIdle(task, table.view, 1000 + MS), 1, 'seen again now')
  t.equal(pruneIdle(task, table.view, 1000 + 2 * MS - 1), 1)
  t.equal(pruneIdle(task, table.view, 1000 + 2 * MS), 0)
  t.end()
})

t.test('filled again when its time ends: it lives by its entries, and is kept again when they go', (t) => {
  const { task, table, kept, empty } = keeping()
  empty(5)
  table.fill(6)
  pruneIdle(task, table.view, 1000)
  t.equal(pruneIdle(task, table.view, 1000 + MS), 0)
  t.same([table.refs(5, 3), kept()], [1, 0])
  table.clear(6)
  t.same([table.refs(5, 3), kept()], [1, 1])
  t.equal(made(task), 3)
  t.end()
})

t.test('time runs over 2^31 milliseconds', (t) => {
  const { task, table, empty } = keeping()
  empty(5)
  pruneIdle(task, table.view, 2 ** 31 - 10)
  t.equal(pruneIdle(task, table.view, 2 ** 31 - 10 + MS - 1), 1)
  t.equal(pruneIdle(task, table.view, 2 ** 31 - 10 + MS), 0)
  t.end()
})

t.test('munmap: what it covers as a whole is not kept; discard: what it touches', (t) => {
  const { task, table, kept, empty } = keeping()
  const there = () => [0, 1, 2, 3].filter((leaf) => table.refs(leaf * LEAF, 3) !== null)
  for (let leaf = 0; leaf < 4; leaf++) empty(leaf * LEAF)
  pruneInside(task, table.view, 0, LEAF - 2)
  pruneInside(task, table.view, 1, LEAF - 1)
  t.same(there(), [0, 1, 2, 3], 'parts of a directory')
  pruneInside(task, table.view, 0, 2 * LEAF - 1)
  t.same(there(), [2, 3])
  pruneRange(task, table.view, 3 * LEAF - 1, 3 * LEAF - 1)
  t.same(there(), [3])
  pruneRange(task, table.view, 0, 3 * LEAF - 1)
  t.same([there(), kept()], [[3], 1])
  pruneAll(task, table.view)
  t.same([there(), kept()], [[], 0])
  t.end()
})

t.test('a populate without memory gives up what is kept', (t) => {
  const { task, table, kept, empty, leftovers } = keeping({ bytes: 2 * 1024 * 1024 })
  for (let leaf = 0; leaf < 4; leaf++) empty(leaf * LEAF)
  const kind = directoryKind(table.view.geometry, 3)
  const taken: number[] = []
  for (let at = allocObject(task, kind); at !== 0; at = allocObject(task, kind)) taken.push(at)
  const iterator = new MirrorIterator(task, table.view)
  t.not(iterator.populate(9 * LEAF), 0)
  iterator.finish()
  t.equal(kept(), 1, 'only the new one is')
  for (const at of taken) freeObject(task, kind, at)
  table.free()
  t.same(leftovers(), [])
  t.end()
})

t.test('an allocation that fails anywhere: the keeper keeps nothing any longer', (t) => {
  const { task, table, empty } = keeping({ bytes: 1024 * 1024 })
  for (let leaf = 0; leaf < 4; leaf++) empty(leaf * LEAF)
  t.equal(pruneIdle(task, table.view, 1000), 4)
  const taken: number[] = []
  for (let at = allocObject(task, LARGE); at !== 0; at = allocObject(task, LARGE)) taken.push(at)
  t.equal(pruneIdle(task, table.view, 1001), 0)
  for (const at of taken) freeObject(task, LARGE, at)
  empty(5)
  t.equal(pruneIdle(task, table.view, 1002), 1, 'until the next one fails')
  t.end()
})

t.test(`a table keeps ${MAX_KEPT} at most: one more dies at once`, (t) => {
  const { table, kept, empty, leftovers } = keeping()
  for (let leaf = 0; leaf <= MAX_KEPT; leaf++) empty(leaf * LEAF)
  t.equal(kept(), MAX_KEPT)
  t.equal(table.refs(MAX_KEPT * LEAF, 3), null)
  t.not(table.directory(0, 3), NO_DIRECTORY)
  table.free()
  t.same(leftovers(), [], 'fini frees those that are kept')
  t.end()
})

t.test('emptied and filled a hundred times: eight leaves are made once, and not a hundred times', (t) => {
  const churn = (keepMs: number) => {
    const { task, table, empty, leftovers } = keeping({}, keepMs)
    for (let round = 0; round < 100; round++) {
      for (let leaf = 0; leaf < 8; leaf++) empty(leaf * LEAF + (round % LEAF))
      pruneIdle(task, table.view, 1000 + round)
    }
    table.free()
    t.same(leftovers(), [])
    return made(task)
  }
  const [without, withDelay] = [churn(0), churn(MS)]
  t.equal(without, 100 * 8 * 3, 'each with its two parents, which were empty too')
  t.equal(withDelay, 8 + 2)
  t.ok(without >= 10 * withDelay)
  t.end()
})
