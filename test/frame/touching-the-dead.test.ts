/** Is every touch of a freed object seen, and does the report say what it was and who freed it? */
import t from 'tap'
import { allocObject, freeObject, objectKind } from '../../shared/frame/objects.ts'
import type { WordAt } from '../../shared/memory/words.ts'
import { atomicAdd, atomicAnd, atomicCas, atomicLoad, atomicOr, atomicStore, atomicXchg } from '../../shared/seam/atomics.ts'
import { get, getU32, put } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'
import { solo, violationOf } from '../support/solo.ts'

const THING = objectKind(46, 'thing', 40)
const OTHER = objectKind(47, 'second thing', 40)
const QUARANTINE = 32

/** A thing that cpu 1 freed. */
function deadThing(): { task: Task; at: WordAt; other: (actor: number) => Task } {
  const { task, other } = solo()
  const at = allocObject(task, THING)
  freeObject(other(1), THING, at)
  return { task, at, other }
}

/** Frees so many things that the oldest leaves quarantine. */
function pushOut(task: Task): void {
  const things = Array.from({ length: QUARANTINE }, () => allocObject(task, THING))
  for (const at of things) freeObject(task, THING, at)
}

const touches: [string, (task: Task, at: WordAt) => unknown][] = [
  ['get', get],
  ['getU32', getU32],
  ['put', (task, at) => put(task, at, 1)],
  ['atomicLoad', atomicLoad],
  ['atomicStore', (task, at) => atomicStore(task, at, 1)],
  ['atomicAdd', (task, at) => atomicAdd(task, at, 1)],
  ['atomicOr', (task, at) => atomicOr(task, at, 1)],
  ['atomicAnd', (task, at) => atomicAnd(task, at, 1)],
  ['atomicXchg', (task, at) => atomicXchg(task, at, 1)],
  ['atomicCas', (task, at) => atomicCas(task, at, 0, 1)],
]

for (const [name, touch] of touches) {
  t.test(`${name} of a freed object is reported at once, whichever of its words it is`, async (t) => {
    for (const word of [0, 3, 16, 39, 47]) {
      const { task, at } = deadThing()
      t.equal(
        violationOf(() => touch(task, at + word)),
        `LIFE: word ${word} of a thing is touched after it was freed, freed by cpu 1`,
      )
    }
  })
}

t.test('a living object and its neighbours may be touched, also where a dead one lay before', async (t) => {
  const { task, leftovers } = solo({ checked: true })
  const things = Array.from({ length: QUARANTINE + 2 }, () => allocObject(task, THING))
  for (const at of things.slice(1)) freeObject(task, THING, at)
  const again = allocObject(task, THING)
  t.equal(again, things[1], 'out of quarantine')
  t.equal(
    violationOf(() => put(task, again + 39, get(task, again) + get(task, (things[0] as WordAt) + 39))),
    null,
  )
  freeObject(task, THING, again)
  freeObject(task, THING, things[0] as WordAt)
  t.same(leftovers(), [])
})

t.test('a second free is reported with the kind and with who came first', async (t) => {
  const { task, at } = deadThing()
  t.equal(
    violationOf(() => freeObject(task, THING, at)),
    `LIFE: thing at word ${at} is freed twice, freed by cpu 1`,
  )
})

t.test('a store past the seam is found when the words are to be used again', async (t) => {
  for (const word of [4, 17, 47]) {
    const { task, at } = deadThing()
    task.words[at + word] = 7
    t.equal(
      violationOf(() => pushOut(task)),
      `LIFE: word ${word} of a thing was written after it was freed, freed by cpu 1`,
    )
  }
})

t.test('nothing is reported when nobody touched the dead', async (t) => {
  const { task } = deadThing()
  t.equal(
    violationOf(() => pushOut(task)),
    null,
  )
})

t.test('the report names the kind that died, not the one that lived there before', async (t) => {
  const { task } = solo()
  const first = Array.from({ length: QUARANTINE + 1 }, () => allocObject(task, THING))
  for (const at of first) freeObject(task, THING, at)
  const again = allocObject(task, OTHER)
  t.equal(again, first[0])
  freeObject(task, OTHER, again)
  t.equal(
    violationOf(() => get(task, again + 20)),
    'LIFE: word 20 of a second thing is touched after it was freed, freed by cpu 0',
  )
})

t.test('words of the heap that never were an object are no place to write to either', async (t) => {
  const { task } = solo()
  const at = allocObject(task, THING)
  const next = at + 3 * 16
  t.equal(
    violationOf(() => put(task, next, 1)),
    `LIFE: word ${next} is touched, which belongs to no object yet`,
  )
})

t.test('an address that is no object cannot be freed', async (t) => {
  const { task } = solo()
  const at = allocObject(task, THING)
  t.throws(() => freeObject(task, THING, at + 1), /a freed thing is an object of the heap/)
  t.throws(() => freeObject(task, THING, 0), /a freed thing is an object of the heap/)
})
