/** Are the accesses of the seam what they say: atomic, points where they should be, and watchful where an object was freed? */
import { isMainThread } from 'node:worker_threads'
import { allocObject, freeObject, objectKind } from '../../shared/frame/objects.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import {
  atomicAdd,
  atomicAnd,
  atomicCas,
  atomicLoad,
  atomicOr,
  atomicStore,
  atomicXchg,
  quietAdd,
  quietAnd,
  quietLoad,
  quietOr,
  quietStore,
} from '../../shared/seam/atomics.ts'
import { fill, get, getU32, put } from '../../shared/seam/plain.ts'
import { POINT_LOAD, point } from '../../shared/seam/point.ts'
import { listen, PROBE, probe } from '../../shared/seam/probe.ts'
import { NOISE_AT } from '../../shared/seam/superblock.ts'
import { GATE_NOISE, Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { meet } from '../support/meet.ts'
import { solo, violationOf } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

const KIND = objectKind(31, 'test object', 32)
const SUM = 0
const BITS = 1
const TURNS = 2
const START = 16

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** Adds, sets its own bits, and counts by compare-and-exchange, `rounds` times. */
export function mix(task: Task, rounds: number): void {
  const at = words(task)
  meet(task, at + START, 4)
  for (let i = 0; i < rounds; i++) {
    atomicAdd(task, at + SUM, 1)
    atomicOr(task, at + BITS, 1 << task.id)
    atomicAnd(task, at + BITS, ~(1 << (task.id + 8)))
    for (let seen = atomicLoad(task, at + TURNS); ; ) {
      const found = atomicCas(task, at + TURNS, seen, seen + 1)
      if (found === seen) break
      seen = found
    }
  }
}

/** Every access of the seam to one word, by name. */
const ATOMIC: [string, (task: Task, at: number) => unknown][] = [
  ['atomicLoad', (task, at) => atomicLoad(task, at)],
  ['atomicStore', (task, at) => atomicStore(task, at, 1)],
  ['atomicAdd', (task, at) => atomicAdd(task, at, 1)],
  ['atomicOr', (task, at) => atomicOr(task, at, 1)],
  ['atomicAnd', (task, at) => atomicAnd(task, at, 1)],
  ['atomicXchg', (task, at) => atomicXchg(task, at, 1)],
  ['atomicCas', (task, at) => atomicCas(task, at, 0, 1)],
]
const PLAIN: [string, (task: Task, at: number) => unknown][] = [
  ['get', (task, at) => get(task, at)],
  ['getU32', (task, at) => getU32(task, at)],
  ['put', (task, at) => put(task, at, 1)],
]
const QUIET: [string, (task: Task, at: number) => unknown][] = [
  ['quietLoad', (task, at) => quietLoad(task, at)],
  ['quietStore', (task, at) => quietStore(task, at, 1)],
  ['quietAdd', (task, at) => quietAdd(task, at, 1)],
  ['quietOr', (task, at) => quietOr(task, at, 1)],
  ['quietAnd', (task, at) => quietAnd(task, at, 1)],
]

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('four threads that add, set bits and compare-and-exchange lose nothing', async (t) => {
    const crew = startCrew(t)
    await crew.run(import.meta.url, 'mix', 20_000)
    const at = words(crew.task)
    t.same([...crew.task.words.subarray(at, at + 3)], [80_000, 0b1111, 80_000])
  })

  t.test('each returns the value before, and compare-and-exchange stores only over what it expected', async (t) => {
    const { task } = solo()
    const at = words(task)
    atomicStore(task, at, 5)
    t.equal(atomicAdd(task, at, 3), 5)
    t.equal(atomicOr(task, at, 16), 8)
    t.equal(atomicAnd(task, at, 16), 24)
    t.equal(atomicXchg(task, at, -1), 16)
    t.equal(atomicCas(task, at, 0, 7), -1)
    t.equal(atomicLoad(task, at), -1)
    t.equal(getU32(task, at), 0xffffffff)
    t.equal(atomicCas(task, at, -1, 7), -1)
    t.equal(get(task, at), 7)
    t.equal(quietAdd(task, at, 1), 7)
    fill(task, at, 3, 9)
    t.same(
      [0, 1, 2, 3].map((i) => get(task, at + i)),
      [9, 9, 9, 0],
    )
  })

  t.test('an atomic access is one schedule point; plain and quiet ones are none', async (t) => {
    const { task } = solo()
    let points = 0
    const cpu0 = stepped(task, 0, () => points++)
    const pointsOf = (access: (task: Task, at: number) => unknown) => {
      points = 0
      access(cpu0, words(task))
      return points
    }
    for (const [name, access] of ATOMIC) t.equal(pointsOf(access), 1, name)
    for (const [name, access] of [...PLAIN, ...QUIET]) t.equal(pointsOf(access), 0, name)
    t.equal(
      pointsOf((task, at) => point(task, POINT_LOAD, at)),
      1,
    )
  })

  t.test('every access but the quiet ones reports a touch of a freed object, in its first word and its last', async (t) => {
    for (const offset of [0, 31]) {
      for (const [name, access] of [...ATOMIC, ...PLAIN]) {
        const { task } = solo()
        const object = allocObject(task, KIND)
        t.equal(
          violationOf(() => access(task, object + offset)),
          null,
          `${name} of a live object`,
        )
        freeObject(task, KIND, object)
        t.match(
          violationOf(() => access(task, object + offset)),
          new RegExp(`^LIFE: word ${offset} of a test object is touched after it was freed, freed by`),
          name,
        )
      }
      for (const [name, access] of QUIET) {
        const { task } = solo()
        const object = allocObject(task, KIND)
        freeObject(task, KIND, object)
        t.equal(
          violationOf(() => access(task, object + offset)),
          null,
          name,
        )
      }
    }
  })

  t.test('noise delays and changes nothing else, and is the same for the same seed', async (t) => {
    const spins = (seed: number) => {
      const { task } = solo({ seed, noise: 0.25 })
      t.equal(task.words[NOISE_AT], 0x4000)
      let asked = 0 // only a point that spins looks at the clock
      const noisy = new Task({ buffer: task.words.buffer as SharedArrayBuffer, actor: 0, nowNs: () => asked++ * 1e6 })
      noisy.gate = GATE_NOISE
      const spun = Array.from({ length: 200 }, () => {
        const before = asked
        atomicAdd(noisy, words(task), 1)
        return asked !== before
      })
      t.equal(task.words[words(task)], 200)
      return spun
    }
    const some = spins(1)
    t.same(spins(1), some)
    t.notSame(spins(2), some)
    const share = some.filter(Boolean).length
    t.ok(share > 20 && share < 80, `${share} of 200 points spun, at a probability of a quarter`)
  })

  t.test('listeners hear an event in the order they came, all its words, and at no schedule point', async (t) => {
    const { task } = solo()
    const heard: (string | number)[] = []
    let points = 0
    const cpu0 = stepped(task, 0, () => points++)
    probe(cpu0, PROBE.window, 1)
    listen(cpu0, 'window', (by, a, b, c, d, e, f) => {
      heard.push('first', a, b, c, d, e, f)
      atomicLoad(by, words(by))
    })
    listen(cpu0, 'window', (_, a) => heard.push('second', a))
    listen(cpu0, 'frameFree', () => heard.push('another'))
    probe(cpu0, PROBE.window, 1, 2, 3, 4, 5, 6)
    t.same(heard, ['first', 1, 2, 3, 4, 5, 6, 'second', 1])
    t.equal(points, 0)
    atomicLoad(cpu0, words(task))
    t.equal(points, 1, 'and afterwards points are points again')
  })
}
