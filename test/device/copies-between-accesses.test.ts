/**
 * Is every page copied once, and none forgotten, when the engine goes to work or leaves it while the service waits for copies? The engine
 * comes in front of each step of the service, and when the service is about to sleep.
 */
import t from 'tap'
import { copyByDevice, runCopies, setRunning } from '../../shared/device/copyqueue.ts'
import { copyQueueAt, deviceEngine, deviceService } from '../../shared/device/record.ts'
import svm from '../../shared/drivers/svm.ts'
import { type Frame, frameData } from '../../shared/frame/frames.ts'
import { frameAlloc, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { atomicStore } from '../../shared/seam/atomics.ts'
import { wake } from '../../shared/seam/park.ts'
import { listen } from '../../shared/seam/probe.ts'
import type { Task } from '../../shared/seam/task.ts'
import { solo } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

const PAGES = 3
/** Word of the copy engine that says how many copies have been begun (device/copyqueue.ts). */
const TAKEN = 2

type Engine = (engine: Task) => void

/** The service copies PAGES pages; what the engine does comes in front of its step `at`. False when it has no such step. */
function meet(at: number, before: Engine, meanwhile: Engine): boolean {
  const machine = solo({ drivers: [svm], deviceFrames: [PAGES] })
  const engine = machine.other(deviceEngine(machine.task, 0))
  const frames = Array.from({ length: PAGES * 2 }, () => frameAlloc(machine.task, SYSTEM_ZONE)) as Frame[]
  const pairs = Array.from({ length: PAGES }, (_, i) => ({ to: frames[i] as Frame, from: frames[PAGES + i] as Frame }))
  for (const [i, { from }] of pairs.entries()) machine.task.words[frameData(machine.task, from)] = 100 + i
  let met = false
  let reached = false
  const service = stepped(machine.task, deviceService(machine.task, 0), ({ number, sleep }) => {
    reached ||= number === at
    if (met || (number !== at && sleep === 'none')) return
    met = true
    meanwhile(engine)
  })
  const copied: number[] = []
  for (const task of [engine, service]) listen(task, 'frameCopied', (_task, target) => copied.push(target))
  before(engine)
  const done = copyByDevice(service, 0, pairs)
  t.same([done, copied.sort()], [pairs.map(() => true), pairs.map(({ to }) => to).sort()], `met at step ${at}`)
  t.same(
    pairs.map(({ to }) => machine.task.words[frameData(machine.task, to)]),
    pairs.map((_, i) => 100 + i),
  )
  return reached
}

const works: Engine = (engine) => setRunning(engine, 0, true)
const rests: Engine = (engine) => setRunning(engine, 0, false)
const copies: Engine = (engine) => runCopies(engine, 0)

for (const [name, before, meanwhile] of [
  ['it goes to work, copies, and rests', rests, [works, copies, rests]],
  ['it copies, and rests', works, [copies, rests]],
  ['it rests, and leaves the copies', works, [rests]],
  ['it does not come', rests, []],
] as const) {
  t.test(name, (t) => {
    const all: Engine = (engine) => {
      for (const act of meanwhile) act(engine)
    }
    let steps = 0
    while (meet(steps, before, all)) steps++
    t.ok(steps > 8, `${steps} steps`)
    t.end()
  })
}

t.test('a copy that was begun is waited for to its end', (t) => {
  const begun: Engine = (engine) => {
    atomicStore(engine, copyQueueAt(engine, 0) + TAKEN, PAGES)
    wake(engine, deviceService(engine, 0)) // for whatever: it looks again, and has to go back to sleep
  }
  t.throws(() => meet(1000, works, begun), { message: 'sleeps for ever, waiting for copies' })
  t.end()
})
