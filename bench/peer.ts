/**
 * One end of a round trip between two workers, for bench/peers.ts. The asker sends numbers that rise by one and times each until the
 * same number is back; the answerer sends back what it gets. Each posts the number of its thread to the booting thread first; the asker
 * waits for a word from there before it begins, and posts the times when it is done.
 *
 *   word   0 .......... 15   16 ......... 31
 *        +------+----------+------+----------+
 *        | PING | pad      | PONG | pad      |     PING is written by the asker, PONG by the answerer. Atomic.
 *        +------+----------+------+----------+
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { expose, wrap } from 'comlink'
import { hostNowNs } from '../shared/seam/clock.ts'
import { threadNumber } from '../workers/threadnumber.ts'

/** How the number travels. */
export type PeerMeans = 'futex' | 'spin' | 'messageport' | 'comlink'

/** What a peer is started with. */
export interface PeerSetup {
  readonly means: PeerMeans
  readonly asks: boolean
  readonly words: Int32Array
  readonly port: MessagePort
  /** The asker stops after so many seconds; a quarter of that passes before it begins to measure. */
  readonly seconds: number
  /** Round trips that are timed as one. */
  readonly batch: number
}

/** What a peer says when it has started. */
export interface PeerStarted {
  readonly thread?: number
}

/** What the asker answers: the time of each batch, and how many of its waits did sleep. */
export interface PeerTimes {
  readonly ns: readonly number[]
  readonly waits: number
  readonly slept: number
}

const PING = 0
const PONG = 16
const STOP = -1
/** Batches below which nothing is said. */
const FEWEST = 20

const setup = workerData as PeerSetup
const { words } = setup
let waits = 0
let slept = 0

/** Waits until the word is not `old` any more, and returns it. */
function changed(at: number, old: number): number {
  for (;;) {
    const now = Atomics.load(words, at)
    if (now !== old) return now
    if (setup.means === 'spin') continue
    waits++
    if (Atomics.wait(words, at, old) === 'ok') slept++
  }
}

function send(at: number, value: number): void {
  Atomics.store(words, at, value)
  if (setup.means === 'futex') Atomics.notify(words, at, 1)
}

/** The asker's part; `ask` is one round trip of a number. */
async function measured(ask: (value: number) => number | Promise<number>): Promise<PeerTimes> {
  const ns: number[] = []
  await ask(1) // by now the answerer has started
  const began = hostNowNs()
  const from = began + setup.seconds * 0.25e9
  const until = began + setup.seconds * 1.25e9
  let value = 1
  for (let last = began; ns.length < FEWEST || last < until; ) {
    for (let i = 0; i < setup.batch; i++) {
      const answer = ask(++value)
      const back = typeof answer === 'number' ? answer : await answer
      if (back !== value) throw new Error(`${value} was sent, and ${back} came back`)
    }
    const now = hostNowNs()
    if (now >= from) ns.push(now - last)
    last = now
  }
  return { ns, waits, slept }
}

async function ask(): Promise<void> {
  const { means, port } = setup
  if (means === 'comlink') {
    // A MessagePort of node is an EventTarget with postMessage and start: all that comlink needs.
    const remote = wrap<{ echo(value: number): number }>(port as unknown as Parameters<typeof wrap>[0])
    parentPort?.postMessage(await measured((value) => remote.echo(value)))
    port.close()
  } else if (means === 'messageport') {
    let back: (value: number) => void = () => {}
    port.on('message', (value: number) => back(value))
    parentPort?.postMessage(
      await measured(
        (value) =>
          new Promise<number>((resolve) => {
            back = resolve
            port.postMessage(value)
          }),
      ),
    )
    port.close()
  } else {
    const times = await measured((value) => {
      send(PING, value)
      return changed(PONG, value - 1)
    })
    send(PING, STOP)
    parentPort?.postMessage(times)
  }
}

function answer(): void {
  const { means, port } = setup
  if (means === 'comlink') expose({ echo: (value: number) => value }, port as unknown as Parameters<typeof expose>[1])
  else if (means === 'messageport') port.on('message', (value: number) => port.postMessage(value))
  else for (let value = changed(PING, 0); value !== STOP; value = changed(PING, value)) send(PONG, value)
}

const started: PeerStarted = threadNumber()
if (setup.asks) parentPort?.once('message', () => void ask())
parentPort?.postMessage(started)
if (!setup.asks) answer()
