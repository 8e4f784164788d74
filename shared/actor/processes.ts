/**
 * Processes of a scenario: address space, handles and open devices of each. They belong to the one cpu actor that runs a
 * sequential scenario (or the set-up of a concurrent one); what other actors need of them is in the buffer.
 *
 * Every handle starts on its own 256 MiB slot: neighbours never touch, growth in place always has room, and offsets inside a
 * handle are offsets from a 2 MiB boundary. Slot k begins at page (k + 1) * 65536; handle A takes slot 0 first.
 */

import { attachDevice, detachDevice } from '../device/attach.ts'
import type { Mirror } from '../hmm/mirror.ts'
import { EBADF, ENOMEM } from '../memory/errno.ts'
import { mmPut } from '../mm/exit.ts'
import { type File, fileGet, filePut, NO_FILE } from '../mm/file.ts'
import { fork } from '../mm/fork.ts'
import { createMm } from '../mm/mm.ts'
import { switchMm } from '../mm/shootdown.ts'
import { type Mm, NO_MM } from '../notifier/mmhead.ts'
import { HmmError } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { SLOT_PAGES } from '../seam/trace.ts'

export interface Handle {
  /** First page number. */
  start: number
  pages: number
  /** What it maps, as by an open file of the process: it outlives the mapping. NO_FILE for private anonymous memory. */
  readonly file: File
}

export interface Process {
  readonly number: number
  readonly mm: Mm
  readonly handles: Map<string, Handle>
  readonly mirrors: Map<number, Mirror>
  /** Next slot that was never used by this process or its ancestors. */
  nextSlot: number
  alive: boolean
}

/** The processes of one scenario, by number. */
export class Processes {
  private readonly task: Task
  private readonly all: Process[] = []
  private currentNumber = 0

  /**
   * Starts process 0, or works in `adopted`, a process that another actor started. Throws HMM_ERR_MEMORY when the machine is
   * too small for one.
   */
  constructor(task: Task, adopted?: Process) {
    this.task = task
    if (adopted !== undefined) {
      this.all[adopted.number] = adopted
      this.currentNumber = adopted.number
      return
    }
    const mm = createMm(task, 0)
    if (mm === NO_MM) throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for a first address space')
    this.all.push({ number: 0, mm, handles: new Map(), mirrors: new Map(), nextSlot: 0, alive: true })
    switchMm(task, mm)
  }

  /** The process that operations run in, or null when it has ended. */
  current(): Process | null {
    const process = this.all[this.currentNumber]
    return process?.alive === true ? process : null
  }

  /** Every process, dead ones too. */
  list(): readonly Process[] {
    return this.all
  }

  get(number: number): Process | undefined {
    return this.all[number]
  }

  /** Switches to process `number`; false if there is no such live process (it stays current all the same). */
  switchTo(number: number): boolean {
    this.currentNumber = number
    const process = this.all[number]
    const alive = process?.alive === true
    switchMm(this.task, alive ? process.mm : NO_MM)
    return alive
  }

  /** Forks `parent`. The child inherits handles, not open devices. Returns its number, or -ENOMEM. */
  fork(parent: Process): number {
    const mm = fork(this.task, parent.mm, this.all.length)
    if (mm === NO_MM) return -ENOMEM
    const { nextSlot } = parent
    const child = { number: this.all.length, mm, handles: new Map(), mirrors: new Map(), nextSlot, alive: true }
    for (const [name, handle] of parent.handles) this.name(child, name, { ...handle })
    this.all.push(child)
    return child.number
  }

  /** Ends a process: its address space goes first, its open devices after it, as in the kernel's do_exit. */
  exit(process: Process): void {
    process.alive = false
    if (this.currentNumber === process.number) switchMm(this.task, NO_MM)
    mmPut(this.task, process.mm)
    for (const mirror of process.mirrors.values()) detachDevice(this.task, mirror)
    process.mirrors.clear()
    for (const { file } of process.handles.values()) if (file !== NO_FILE) filePut(this.task, file)
    process.handles.clear()
  }

  /** Ends every process that lives. */
  exitAll(): void {
    for (const process of this.all) if (process.alive) this.exit(process)
  }

  /** The process's mirror of `device`, opened now if it is not yet. Or a negative errno. */
  open(process: Process, device: number): Mirror | number {
    const open = process.mirrors.get(device)
    if (open !== undefined) return open
    const mirror = attachDevice(this.task, device, process.mm)
    if (mirror > 0) process.mirrors.set(device, mirror as Mirror)
    return mirror
  }

  /** 0, or -EBADF if the device is not open. */
  close(process: Process, device: number): number {
    const mirror = process.mirrors.get(device)
    if (mirror === undefined) return -EBADF
    process.mirrors.delete(device)
    detachDevice(this.task, mirror)
    return 0
  }

  /** Gives a mapping its name, and keeps its file for as long as it has it. */
  name(process: Process, name: string, handle: Handle): void {
    const before = process.handles.get(name)
    if (handle.file !== NO_FILE) fileGet(this.task, handle.file)
    process.handles.set(name, handle)
    if (before !== undefined && before.file !== NO_FILE) filePut(this.task, before.file)
  }

  /** First page of a slot that this process never used. */
  freshSlot(process: Process): number {
    process.nextSlot++
    return process.nextSlot * SLOT_PAGES
  }
}
