/**
 * The module: what of mirroring is WebAssembly as well (hmm/module, in AssemblyScript), for machines whose accesses nobody checks. It works
 * on the machine's own words, by the same transitions as the TypeScript beside it, which does everything that the module leaves.
 *
 *   leafloops.ts    the inner loops over one leaf, four pages at a time
 *   wholepass.ts    a whole pass of the driver's loop, where nothing is in its way
 *
 * There are two forms of it. Where nobody schedules, an atomic is one instruction. With noise, or in controlled mode, each is a schedule
 * point first, and the frames' generations are noted for the oracles, so that the module can be explored as everything else. Waiting,
 * queueing and waking is done by the functions of shared/sync.
 */
import type { SharedMemory } from '../memory/regions.ts'
import { mmPut } from '../mm/exit.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { shadowCheck } from '../seam/plain.ts'
import { point } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { ownerDrop, ownerTake } from '../sync/ownerword.ts'
import { rcuWakeWaiters } from '../sync/rcu.ts'
import { downRead, lastReaderLeft } from '../sync/rwsem.ts'
import type { Mirror } from './mirror.ts'
import { mirrorIterator } from './mirrortable.ts'
import { EXPLORED_MODULE, MODULE } from './modulebytes.ts'

/** The exports of the module; hmm/module says what they do. Addresses are bytes. */
export interface HmmModule {
  snapshotAlike(pte: number, pfn: number, count: number, need: number, encoding: number): number
  installAlike(at: number, pfn: number, count: number, encoding: number, kept: number): number
  pass(range: number, mirror: number, start: number, pages: number, me: number, actor: number): number
}

/** The little of the WebAssembly API that is used here. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown }
  validate(bytes: Uint8Array): boolean
}

/** The actor whose pass is running: for whom the module waits. */
let caller: Task

/** What a pass asks the host for. Words by their numbers. */
const HOST = {
  /** In front of each atomic of the form that is explored, as in shared/seam/atomics.ts. */
  point(kind: number, word: number): void {
    point(caller, kind, word)
    if (caller.checked) shadowCheck(caller, word)
  },
  ownerTake: (word: number): void => ownerTake(caller, word),
  ownerDrop: (word: number): void => ownerDrop(caller, word),
  /** The book of held locks is not told: the module drops this one by itself. */
  downRead(word: number): void {
    const task = caller
    const { checked } = task
    task.checked = false
    try {
      downRead(task, word, MMAP_SEM)
    } finally {
      task.checked = checked
    }
  },
  readerLeft: (word: number): void => lastReaderLeft(caller, word),
  /** The leaf directory of a page, in which the pass is and holds a reference, is left by an iterator in its place: it may die of that. */
  leaveLast(mirror: number, vpn: number): void {
    const iterator = mirrorIterator(caller, mirror as Mirror)
    iterator.lookup(vpn >>> 0)
    iterator.countValid(-1)
    iterator.finish()
  },
  mmPut: (word: number): void => mmPut(caller, word as Mm),
  rcuLeft: (): void => rcuWakeWaiters(caller),
}

/** One form of the module, on the memory that this thread used last: threads have one for as long as their machine lives. */
class Form {
  private readonly bytes: Uint8Array
  private compiled: object | null = null
  private memory: SharedMemory | null = null
  private instance: HmmModule | null = null

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Null where the host has no such instructions. */
  on(memory: SharedMemory): HmmModule | null {
    if (memory !== this.memory) this.instantiate(memory)
    return this.instance
  }

  private instantiate(memory: SharedMemory): void {
    this.instance = null
    if (WebAssembly.validate(this.bytes)) {
      this.compiled ??= new WebAssembly.Module(this.bytes)
      this.instance = new WebAssembly.Instance(this.compiled, { env: { memory }, host: HOST }).exports as HmmModule
    }
    this.memory = memory
  }
}

const free = new Form(MODULE)
const explored = new Form(EXPLORED_MODULE)

/**
 * The module for this actor; null where there is none: accesses are checked (but Task.exploresModule), the thread has no memory to hand to it
 * (Task.memory), or the host cannot run it.
 */
export function moduleFor(task: Task): HmmModule | null {
  if (task.memory === null || (task.checked && !task.exploresModule)) return null
  return task.gate === 0 && !task.checked ? free.on(task.memory) : explored.on(task.memory)
}

/** A pass of this actor (hmm/module/pass.ts). */
export function runPass(task: Task, module: HmmModule, range: number, mirror: number, start: number, pages: number): number {
  const outer = caller // an actor that another one's point lets run, in tests that step through interleavings
  caller = task
  const done = module.pass(range, mirror, start, pages, task.id + 1, task.record)
  caller = outer
  return done
}
