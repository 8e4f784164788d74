/** Is a freed object found again at once, and does a full heap recover as soon as one is freed? */
import t from 'tap'
import { allocObject, freeObject, heapUsedWords, liveObjects, type ObjectKind, objectKind } from '../../shared/frame/objects.ts'
import { LINE_WORDS, type WordAt } from '../../shared/memory/words.ts'
import type { Task } from '../../shared/seam/task.ts'
import { atEveryPoint } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

const SMALL = objectKind(29, 'small thing', 10)
const MEDIUM = objectKind(46, 'medium thing', 5 * LINE_WORDS + 1)
const LARGE = objectKind(47, 'large thing', 129 * LINE_WORDS)
/** Freed objects of a class that a checked build keeps from reuse. */
const QUARANTINE = 32
const TINY = 512 * 1024

/** Takes objects until there are none. */
function takeAll(task: Task, kind: ObjectKind): WordAt[] {
  const all: WordAt[] = []
  for (let at = allocObject(task, kind); at !== 0; at = allocObject(task, kind)) all.push(at)
  return all
}

function freeAll(task: Task, kind: ObjectKind, all: readonly WordAt[]): void {
  for (const at of all) freeObject(task, kind, at)
}

/** Shared accesses that `run` makes. */
function accesses(task: Task, run: () => void): number {
  let count = 0
  atEveryPoint(task, () => count++)
  run()
  Object.defineProperty(task, 'gate', { configurable: true, writable: true, value: 0 })
  return count
}

t.test('an object comes zeroed and on lines of its own, and is counted while it lives', async (t) => {
  const { task, leftovers } = solo()
  const first = allocObject(task, MEDIUM)
  const second = allocObject(task, MEDIUM)
  t.equal(first % LINE_WORDS, 0)
  t.ok(Math.abs(second - first) >= 6 * LINE_WORDS, 'whole lines: 5 and a bit make 6')
  task.words.fill(-1, first, first + MEDIUM.words)
  t.equal(liveObjects(task, MEDIUM), 2)
  freeAll(task, MEDIUM, [first, second])
  t.equal(liveObjects(task, MEDIUM), 0)
  const again = takeAll(task, MEDIUM)
  t.ok(again.includes(first), 'what was freed is handed out again')
  const dirty = again.filter((at) => task.words.subarray(at, at + MEDIUM.words).some((word) => word !== 0))
  t.same(dirty, [], 'zeroed')
  freeAll(task, MEDIUM, again)
  t.same(leftovers(), [])
})

t.test('unchecked, the object freed last is handed out first', async (t) => {
  const { task, leftovers } = solo({ checked: false })
  const things = [1, 2, 3].map(() => allocObject(task, SMALL))
  freeAll(task, SMALL, things)
  const again = things.map(() => allocObject(task, SMALL))
  t.same(again, [...things].reverse())
  freeAll(task, SMALL, again)
  t.same(leftovers(), [])
})

t.test('neither taking nor freeing gets slower with the number of objects', async (t) => {
  for (const checked of [false, true]) {
    const { task } = solo({ checked })
    const costs = [0, 100, 1000].map((more) => {
      freeAll(
        task,
        SMALL,
        Array.from({ length: more }, () => allocObject(task, SMALL)),
      )
      const one = allocObject(task, SMALL)
      const free = accesses(task, () => freeObject(task, SMALL, one))
      const alloc = accesses(task, () => freeObject(task, SMALL, allocObject(task, SMALL)))
      return [free, alloc]
    })
    t.same(costs[1], costs[0])
    t.same(costs[2], costs[0])
  }
})

t.test('a full heap answers 0, and recovers with the first object that is freed', async (t) => {
  for (const checked of [false, true]) {
    const { task, leftovers } = solo({ bytes: TINY, checked })
    const large = takeAll(task, LARGE)
    t.ok(large.length > 3)
    t.equal(allocObject(task, LARGE), 0)
    const [one, ...rest] = large
    freeObject(task, LARGE, one as WordAt)
    t.equal(allocObject(task, LARGE), one, 'in a checked build the quarantine gives way before an allocation fails')
    t.equal(allocObject(task, LARGE), 0)
    freeAll(task, LARGE, [one as WordAt, ...rest])
    t.same(takeAll(task, LARGE).sort(), large.sort(), 'everything is there again')
    freeAll(task, LARGE, large)
    t.same(leftovers(), [])
  }
})

t.test('what is too little for a large object still serves small ones', async (t) => {
  const { task, leftovers } = solo({ bytes: TINY })
  const large = takeAll(task, LARGE)
  const small = takeAll(task, SMALL)
  t.ok(small.length > 0 && small.length < 129, `${small.length} small objects in the rest`)
  freeAll(task, SMALL, small)
  freeAll(task, LARGE, large)
  t.same(leftovers(), [])
})

t.test('checked, an object rests while 32 others of its class are freed, first in, first out', async (t) => {
  const { task, leftovers } = solo()
  const things = Array.from({ length: QUARANTINE + 3 }, () => allocObject(task, SMALL))
  freeAll(task, SMALL, things.slice(0, QUARANTINE))
  const used = heapUsedWords(task)
  const early = Array.from({ length: 20 }, () => allocObject(task, SMALL))
  t.same(
    early.filter((at) => things.includes(at)),
    [],
    'nothing freed lately is handed out',
  )
  t.equal(heapUsedWords(task), used, 'and the chunk had enough others')
  freeAll(task, SMALL, things.slice(QUARANTINE))
  const late = [1, 2, 3].map(() => allocObject(task, SMALL))
  t.same(late, things.slice(0, 3).reverse(), 'three more were freed: the three oldest come out of quarantine')
  freeAll(task, SMALL, [...early, ...late])
  t.same(leftovers(), [])
})

t.test('a kind has one number, and fits the largest size class', async (t) => {
  t.throws(() => objectKind(29, 'again', 1), /object kind 29 \(again\) is declared once/)
  t.throws(() => objectKind(48, 'out of range', 1), /below 48/)
  t.throws(() => objectKind(28, 'huge', 129 * LINE_WORDS + 1), /a huge fits the largest size class/)
})
