/**
 * One word there and back between two threads of a pool: woken out of Atomics.wait, spinning, or by a message. One thread has the task
 * `ping`, and measures; the other `pong`, and answers. Neither waits for ever: who hears nothing gives up.
 *
 *   ping: turn = 1 ->      <- turn = 2 :pong      ping: turn = 3 -> ...      ping: turn = -1, the end
 */
import type { MessagePort } from 'node:worker_threads'

export type How = 'futex' | 'spin' | 'message'

export interface RoundTripTask {
  readonly role: 'ping' | 'pong'
  readonly how: How
  /** Word 0 is the turn; word 1 says that pong is there. */
  readonly words: SharedArrayBuffer
  readonly port: MessagePort
  /** How long ping measures. */
  readonly forMs: number
}

/** Round trips in a batch that is timed as one: long enough for the clock. */
const BATCH = { futex: 40, spin: 1000, message: 20 } as const satisfies Record<How, number>
/** A peer that has not answered in this time does not. */
const GIVE_UP_MS = 1500
/** Round trips between two looks at the clock: it costs a hundredth of them. */
const LOOK_AT_CLOCK = 32
/** Looks at a word between two looks at the clock. */
const LOOKS = 4096
const END = -1

/** Times of a round trip in nanoseconds, one for each batch. None from pong, and none when the peer did not answer. */
export default async function roundTrips(task: RoundTripTask): Promise<number[]> {
  const words = new Int32Array(task.words)
  try {
    if (task.how === 'message') return await (task.role === 'ping' ? pingMessages(task, words) : pongMessages(task, words))
    return task.role === 'ping' ? ping(task, words) : pong(task, words)
  } finally {
    task.port.close()
  }
}

function ping({ how, forMs }: RoundTripTask, words: Int32Array): number[] {
  if (!waitFor(words, 1, 0, 'futex')) return []
  const times: number[] = []
  const until = performance.now() + forMs
  let turn = 0
  while (performance.now() < until) {
    const began = performance.now()
    let trips = 0
    // Where somebody else has a core, a round trip takes a time slice and a batch would take seconds: it ends early.
    while (trips < BATCH[how] && (trips % LOOK_AT_CLOCK !== 0 || trips === 0 || performance.now() < until)) {
      give(words, ++turn, how)
      if (!waitFor(words, 0, turn, how)) return times
      turn++
      trips++
    }
    times.push(((performance.now() - began) * 1e6) / trips)
  }
  give(words, END, how)
  return times
}

function pong({ how }: RoundTripTask, words: Int32Array): number[] {
  Atomics.store(words, 1, 1)
  Atomics.notify(words, 1)
  for (let mine = 0; waitFor(words, 0, mine, how); ) {
    const turn = Atomics.load(words, 0)
    if (turn === END) break
    mine = turn + 1
    give(words, mine, how)
  }
  return []
}

function give(words: Int32Array, turn: number, how: How): void {
  Atomics.store(words, 0, turn)
  if (how === 'futex') Atomics.notify(words, 0)
}

/** Until the word is another than `from`; false when it stays that. */
function waitFor(words: Int32Array, at: number, from: number, how: How): boolean {
  if (how === 'futex') {
    while (Atomics.load(words, at) === from) if (Atomics.wait(words, at, from, GIVE_UP_MS) === 'timed-out') return false
    return true
  }
  const until = performance.now() + GIVE_UP_MS
  for (;;) {
    for (let look = 0; look < LOOKS; look++) if (Atomics.load(words, at) !== from) return true
    if (performance.now() > until) return false
  }
}

function pingMessages({ port, forMs }: RoundTripTask, words: Int32Array): Promise<number[]> {
  const times: number[] = []
  if (!waitFor(words, 1, 0, 'futex')) return Promise.resolve(times)
  return new Promise((resolve) => {
    const until = performance.now() + forMs
    let began = performance.now()
    let answers = 0
    let heard = -1
    const watch = setInterval(() => {
      if (answers === heard) end()
      heard = answers
    }, GIVE_UP_MS)
    const end = () => {
      clearInterval(watch)
      resolve(times)
    }
    port.on('message', () => {
      answers++
      if (answers % BATCH.message === 0) {
        const now = performance.now()
        times.push(((now - began) * 1e6) / BATCH.message)
        if (now > until) return end()
        began = now
      }
      port.postMessage(1)
    })
    port.postMessage(1)
  })
}

function pongMessages({ port }: RoundTripTask, words: Int32Array): Promise<number[]> {
  port.on('message', () => port.postMessage(1))
  const over = new Promise<number[]>((resolve) => port.on('close', () => resolve([])))
  Atomics.store(words, 1, 1)
  Atomics.notify(words, 1)
  return over
}
