/**
 * The life of a device's file, in every order that may happen to a driver: for the contract tests of one (src/testdriver.ts). One cpu,
 * one device, real threads; what a scenario cannot say.
 *
 *   twice         opened and closed, and once more
 *   space-first   opened; the address space ends before it is closed
 *   scarce        opened while one allocation fails; what opened all the same is used and closed
 *   used          closed with an address space that lives on, after the device has changed pages of it; and once more
 *   busy          closed while the device is at its accesses, each of which raises a fault
 *   command       asked for what no driver knows
 *
 * What is wrong is a violation of CON, the contract. What was not returned is seen from outside: the course gives everything back.
 */
import { awaitCompletion, COMMAND, type Completion, freeCompletion, submitCommand } from '../device/command.ts'
import { boundDriver } from '../device/registry.ts'
import { reapDeferred } from '../frame/deferred.ts'
import { failAllocation } from '../frame/objects.ts'
import { type Mirror, mirrorInstance } from '../hmm/mirror.ts'
import { EAGAIN, errnoName } from '../memory/errno.ts'
import { HmmError } from '../seam/error.ts'
import { nap } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION, SLOT_PAGES } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'
import { Interpreter } from './interpreter.ts'
import type { ScenarioOp } from './ops.ts'
import type { Process } from './processes.ts'

/** A course, and for `scarce` which allocation fails, from 1. */
export interface LifecycleProgram {
  readonly kind: 'lifecycle'
  readonly course: Course
  readonly failing?: number
}

const DEVICE = 0
const PAGES = 8
const ROUNDS = 16
/** Commands that a device has to do when it is closed. */
const IN_FLIGHT = 4
/** The device gets so much further before it is closed, from round to round. */
const HEAD_START_NS = 20_000
/** A driver that takes jobs may ask to be asked again, so many times. */
const SUBMISSIONS = 8

/** Runs the course, on cpu 0. */
export function runLifecycle(task: Task, { course, failing = 0 }: LifecycleProgram): void {
  const life = new Life(task)
  COURSES[course](life, failing)
  life.end()
  reapDeferred(task)
}

const COURSES = {
  twice(life) {
    for (let time = 0; time < 2; time++) {
      life.open()
      life.close()
    }
  },

  'space-first'(life) {
    life.open()
    life.map()
    life.change()
  },

  scarce(life, failing) {
    life.map()
    const mirror = life.openWith(failing)
    if (mirror < 0) return
    life.touch()
    life.close()
  },

  used(life) {
    for (let time = 0; time < 2; time++) {
      life.map()
      life.open()
      const wanted = life.change()
      life.bind()
      life.close()
      life.mustHold(wanted)
    }
  },

  busy(life) {
    for (let round = 0; round < ROUNDS; round++) {
      life.map()
      life.open()
      life.closeWhileBusy(round * HEAD_START_NS)
    }
  },

  command(life) {
    life.map()
    life.open()
    life.mustRefuse()
    life.close()
  },
} as const satisfies Readonly<Record<string, (life: Life, failing: number) => void>>

export type Course = keyof typeof COURSES

/** One process with one device. */
class Life {
  private readonly task: Task
  private readonly interpreter: Interpreter
  private readonly process: Process
  private mirror = 0

  constructor(task: Task) {
    this.task = task
    this.interpreter = new Interpreter(task)
    const process = this.interpreter.processes.get(0)
    if (process === undefined) throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for a first address space')
    this.process = process
  }

  open(): void {
    const mirror = this.openWith(0)
    if (mirror < 0) this.wrong(`the device could not be opened: ${errnoName(mirror)}`)
  }

  /** Opens the device with the `failing`-th allocation out of memory; 0: with none. The mirror, or a negative errno. */
  openWith(failing: number): number {
    beginOp(this.task, OPERATION.open)
    failAllocation(this.task, failing)
    this.mirror = this.interpreter.processes.open(this.process, DEVICE)
    failAllocation(this.task, 0)
    endOp(this.task)
    return this.mirror
  }

  close(): void {
    beginOp(this.task, OPERATION.close)
    this.interpreter.processes.close(this.process, DEVICE)
    endOp(this.task)
  }

  /** Maps pages that nobody has touched, where others may have been. */
  map(): void {
    if (this.process.handles.has('A')) this.does({ op: 'munmap', handle: 'A', page: 0, pages: PAGES })
    this.does({ op: 'mmap', handle: 'A', pages: PAGES, prot: 'rw', kind: 'private' })
  }

  /** Ends the process: its address space first, its devices after it. */
  end(): void {
    beginOp(this.task, OPERATION.exit)
    this.interpreter.processes.exitAll()
    endOp(this.task)
  }

  /** Has the device change page 0, if it can, and waits for that. What page 0 holds then. */
  change(): number {
    const driver = boundDriver(this.task, DEVICE)
    if (driver.servesFaults) {
      const status = this.finish(this.start(COMMAND.write, PAGES))
      if (status !== 0) this.wrong(`the device was refused ${PAGES} pages that it may write: ${errnoName(status)}`)
      return VALUE
    }
    if (!this.bind()) return 0
    let errno = -EAGAIN
    for (let tries = 0; tries < SUBMISSIONS && errno === -EAGAIN; tries++) errno = this.ask('submit', VALUE)
    this.ask('unbind', 0)
    return errno === 0 ? VALUE : 0
  }

  /** Gives the device a buffer, if it takes one: a device that faults takes what it touches. */
  bind(): boolean {
    const { servesFaults, takesCommands } = boundDriver(this.task, DEVICE)
    return !servesFaults && takesCommands && this.ask('bind', READ_AND_WRITE) === 0
  }

  /** Has the device touch pages, if it can, whatever it answers. */
  touch(): void {
    if (boundDriver(this.task, DEVICE).servesFaults) this.finish(this.start(COMMAND.write, PAGES))
  }

  /** What the device changed before it was closed is there. */
  mustHold(value: number): void {
    const got = this.does({ op: 'load', handle: 'A', page: 0 })
    if (got !== String(value)) this.wrong(`a page holds ${got} after the device was closed, and the device had made it ${value}`)
  }

  closeWhileBusy(headStartNs: number): void {
    const commands = Array.from({ length: IN_FLIGHT }, () => this.start(COMMAND.add, PAGES))
    nap(this.task, headStartNs)
    this.close()
    for (const command of commands) this.finish(command)
  }

  mustRefuse(): void {
    const errno = this.ask(UNKNOWN_COMMAND, 0)
    if (!Number.isInteger(errno) || errno >= 0)
      this.wrong(`ioctl answered errno ${errno} to a command that it cannot know; it is refused with a negative errno`)
  }

  private ask(cmd: string, low: number): number {
    beginOp(this.task, OPERATION.ioctl, SLOT_PAGES, PAGES, DEVICE)
    const request = { cmd, start: this.firstPage(), pages: PAGES, low, high: 0 }
    const result = boundDriver(this.task, DEVICE).ioctl(this.mirror as Mirror, request)
    endOp(this.task)
    return result.errno
  }

  private start(op: number, pages: number): Completion {
    const completion = submitCommand(this.task, DEVICE, {
      op,
      instance: mirrorInstance(this.task, this.mirror as Mirror),
      vpn: this.firstPage(),
      pages,
      low: VALUE,
    })
    if (completion === 0) throw new HmmError('HMM_ERR_MEMORY', `no memory for a command of device ${DEVICE}`)
    return completion
  }

  /** Returns when the command is done: its status. */
  private finish(completion: Completion): number {
    const status = awaitCompletion(this.task, completion)
    freeCompletion(this.task, completion)
    return status
  }

  private firstPage(): number {
    return this.process.handles.get('A')?.start ?? SLOT_PAGES
  }

  private does(op: ScenarioOp): string {
    return this.interpreter.run(op)
  }

  private wrong(message: string): never {
    violation(this.task, 'CON', message)
  }
}

const VALUE = 7
const READ_AND_WRITE = 3
const UNKNOWN_COMMAND = 'no-such-command'
