/** Does a mailbox ring lose, double or reorder a message, with several producers and a consumer that sleeps? */
import { isMainThread } from 'node:worker_threads'
import { allocObject, freeObject, objectKind } from '../../shared/frame/objects.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { atomicLoad } from '../../shared/seam/atomics.ts'
import { isAsleep } from '../../shared/seam/park.ts'
import { get, put } from '../../shared/seam/plain.ts'
import { tick } from '../../shared/seam/point.ts'
import type { Task } from '../../shared/seam/task.ts'
import {
  createRing,
  type Ring,
  ringConsume,
  ringCount,
  ringPeek,
  ringPeekAt,
  ringPublish,
  ringReserve,
  ringSleepingAt,
  ringWait,
  ringWords,
} from '../../shared/sync/ring.ts'
import { startCrew } from '../support/crew.ts'
import { until, untilAsleep } from '../support/meet.ts'
import { solo } from '../support/solo.ts'

const SLOTS = 16
const SLOT_WORDS = 4
const RING_KIND = objectKind(31, 'ring under test', ringWords(SLOTS, SLOT_WORDS))
/** Words of HEAD and TAIL in a ring. */
const HEAD = 16
const TAIL = 32

function newRing(task: Task, consumer: number): Ring {
  return createRing(task, allocObject(task, RING_KIND), { slots: SLOTS, slotWords: SLOT_WORDS, consumer })
}

/** Sends one message: who, which, and a word that is made of both. False when the ring is full. */
function send(task: Task, ring: Ring, number: number): boolean {
  const slot = ringReserve(task, ring)
  if (slot === 0) return false
  put(task, slot, task.id)
  put(task, slot + 1, number)
  put(task, slot + 2, task.id ^ number)
  ringPublish(task, ring)
  return true
}

/**
 * cpu 0 consumes what the others send, `rounds` from each, one or several at a time. A producer returns how often the ring was
 * full; the consumer returns [messages, how often it found nothing].
 */
export function producersAndConsumer(task: Task, ring: number, rounds: number, producers: number): number | number[] {
  if (task.id !== 0) {
    let full = 0
    for (let i = 0; i < rounds; i++) {
      while (!send(task, ring as Ring, i)) {
        full++
        tick(task)
      }
    }
    return full
  }
  const next = new Array<number>(producers + 1).fill(0)
  let messages = 0
  let empty = 0
  while (messages < rounds * producers) {
    if (ringPeek(task, ring as Ring) === 0) empty++
    ringWait(task, ring as Ring)
    const batch = messages % 3 === 0 ? 1 : ringCount(task, ring as Ring)
    for (let i = 0; i < batch; i++) {
      const slot = ringPeekAt(task, ring as Ring, i)
      const [from, number, both] = [get(task, slot), get(task, slot + 1), get(task, slot + 2)]
      if (both !== (from ^ number)) throw new Error(`a message of cpu ${from} arrived in pieces`)
      if (number !== next[from]) throw new Error(`message ${number} of cpu ${from} came when ${next[from]} was due`)
      next[from] = number + 1
    }
    ringConsume(task, ring as Ring, batch)
    messages += batch
  }
  return [messages, empty]
}

/** cpu 0 sleeps on the empty ring; cpu 1 sends when it does. Returns what arrived. */
export function wakeTheConsumer(task: Task, ring: number, rounds: number): number {
  let sum = 0
  for (let i = 1; i <= rounds; i++) {
    if (task.id === 1) {
      untilAsleep(task, 0, 'ring')
      send(task, ring as Ring, i)
      until(task, () => ringCount(task, ring as Ring) === 0)
    } else {
      ringWait(task, ring as Ring)
      sum += get(task, ringPeek(task, ring as Ring) + 1)
      ringConsume(task, ring as Ring, 1)
    }
  }
  return sum
}

if (isMainThread) {
  const t = (await import('tap')).default

  const runs = [
    { name: 'four producers', options: { cpus: 5 }, rounds: 5_000 },
    { name: 'four producers with noise', options: { cpus: 5, noise: 0.02 }, rounds: 1_000 },
    { name: 'eight producers, unchecked', options: { cpus: 9, checked: false }, rounds: 1_500 },
  ]
  for (const { name, options, rounds } of runs) {
    t.test(`${name}: every message arrives once and whole, those of one producer in its order`, async (t) => {
      const crew = startCrew(t, options)
      const ring = newRing(crew.task, 0)
      const producers = options.cpus - 1
      const [consumer, ...full] = await crew.run(import.meta.url, 'producersAndConsumer', ring, rounds, producers)
      const [messages, empty] = consumer as number[]
      t.equal(messages, rounds * producers, `the ring was full ${full} times, empty ${empty} times`)
      t.equal(ringCount(crew.task, ring), 0)
      freeObject(crew.task, RING_KIND, ring)
      t.same(crew.leftovers(), [])
    })
  }

  t.test('a consumer that sleeps on an empty ring is woken by the next message', async (t) => {
    const crew = startCrew(t, { cpus: 2 })
    const ring = newRing(crew.task, 0)
    const [sum] = await crew.run(import.meta.url, 'wakeTheConsumer', ring, 500)
    t.equal(sum, (500 * 501) / 2)
    t.equal(atomicLoad(crew.task, ringSleepingAt(ring)), 0)
    t.equal(isAsleep(crew.task, 0), false)
  })

  t.test('a full ring refuses, keeps what it has, and takes again once something was consumed', async (t) => {
    const { task, leftovers } = solo()
    const ring = newRing(task, 0)
    for (let i = 0; i < SLOTS; i++) t.equal(send(task, ring, i), true)
    t.equal(send(task, ring, 99), false)
    t.equal(send(task, ring, 99), false, 'and the refused one holds no lock')
    t.equal(ringCount(task, ring), SLOTS)
    t.equal(get(task, ringPeek(task, ring) + 1), 0)
    ringConsume(task, ring, 2)
    t.equal(send(task, ring, SLOTS), true)
    t.same(
      Array.from({ length: ringCount(task, ring) }, (_, i) => get(task, ringPeekAt(task, ring, i) + 1)),
      Array.from({ length: SLOTS - 1 }, (_, i) => i + 2),
    )
    freeObject(task, RING_KIND, ring)
    t.same(leftovers(), [])
  })

  t.test('an empty ring says so', async (t) => {
    const { task } = solo()
    const ring = newRing(task, 0)
    t.equal(ringPeek(task, ring), 0)
    t.equal(ringCount(task, ring), 0)
  })

  for (const start of [0x7fffffff - 3, -4]) {
    t.test(`counts run over at ${start < 0 ? '2^32' : '2^31'} without losing the thread`, async (t) => {
      const { task } = solo()
      const ring = newRing(task, 0)
      task.words[ring + HEAD] = start
      task.words[ring + TAIL] = start
      for (let i = 0; i < SLOTS; i++) t.equal(send(task, ring, i), true)
      t.equal(send(task, ring, 99), false)
      for (let i = 0; i < SLOTS; i++) {
        t.equal(get(task, ringPeek(task, ring) + 1), i)
        ringConsume(task, ring, 1)
      }
      t.equal(ringPeek(task, ring), 0)
    })
  }

  t.test('the number of slots is a power of two', async (t) => {
    const { task } = solo()
    const at = regionAt(task.words, 'programs')
    for (const slots of [0, 3, 12, -4]) {
      t.throws(() => createRing(task, at, { slots, slotWords: 1, consumer: 0 }), /power of two/)
    }
    t.equal(ringWords(1, 1), 48 + 16)
    t.equal(ringWords(SLOTS, SLOT_WORDS), 48 + SLOTS * SLOT_WORDS)
  })
}
