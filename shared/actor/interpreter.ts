/**
 * The interpreter of sequential scenarios: runs one operation after the other and answers each in the words of
 * test/conformance/FORMAT.md, so that the answer can be compared with what a real kernel said.
 */

import type { IoctlRequest, IoctlResult } from '../device/contract.ts'
import { boundDriver } from '../device/registry.ts'
import type { Mirror } from '../hmm/mirror.ts'
import { EINVAL, ENOMEM, ESRCH, errnoName } from '../memory/errno.ts'
import { HUGE_PAGES } from '../memory/words.ts'
import { ACCESS, accessValue, accessValueHigh, userLoad64, userStore64 } from '../mm/access.ts'
import { createFile, type File, filePut, NO_FILE } from '../mm/file.ts'
import { ADVICE, madvise } from '../mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../mm/mmap.ts'
import { mprotect } from '../mm/mprotect.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../mm/mremap.ts'
import { munmap } from '../mm/munmap.ts'
import { VM_EXEC, VM_HUGETLB, VM_READ, VM_SHARED, VM_WRITE } from '../mm/vma.ts'
import { HmmError } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../seam/trace.ts'
import type {
  AdviceName,
  AdviseOp,
  DeviceFileOp,
  DeviceOp,
  DeviceWriteOp,
  MmapOp,
  PrefetchAdvice,
  PrefetchOp,
  RegisterOp,
  RemapOp,
  ScenarioOp,
} from './ops.ts'
import { type Handle, type Process, Processes } from './processes.ts'

/** Runs operations of one scenario, on the cpu actor that `task` belongs to. */
export class Interpreter {
  private readonly task: Task
  readonly processes: Processes

  /** For a scenario of its own, or for one thread in a process that is there already. */
  constructor(task: Task, adopted?: Process) {
    this.task = task
    this.processes = new Processes(task, adopted)
  }

  /** Runs one operation and returns its answer. */
  run(op: ScenarioOp): string {
    const process = this.processes.current()
    if (op.op === 'proc') {
      return this.processes.get(op.process)?.alive === true && this.processes.switchTo(op.process)
        ? 'ok'
        : this.missing(op.process)
    }
    if (op.op === 'exit') return this.exit(op.process)
    if (process === null) return errnoName(-ESRCH)
    const answer = this.runIn(process, op)
    endOp(this.task)
    return answer
  }

  private missing(number: number): string {
    this.processes.switchTo(number)
    return errnoName(-ESRCH)
  }

  private exit(number: number): string {
    const process = this.processes.get(number)
    if (process?.alive !== true) return errnoName(-ESRCH)
    beginOp(this.task, OPERATION.exit)
    this.processes.exit(process)
    endOp(this.task)
    return 'ok'
  }

  private runIn(process: Process, op: ScenarioOp): string {
    const { task } = this
    switch (op.op) {
      case 'mmap':
        return this.mmap(process, op)
      case 'munmap':
        beginOp(task, OPERATION.munmap, this.page(process, op.handle, op.page), op.pages)
        return outcome(munmap(task, process.mm, this.page(process, op.handle, op.page), op.pages))
      case 'mprotect':
        beginOp(task, OPERATION.mprotect, this.page(process, op.handle, op.page), op.pages)
        return outcome(mprotect(task, process.mm, this.page(process, op.handle, op.page), op.pages, rights(op.prot)))
      case 'madvise':
        return this.madvise(process, op)
      case 'mremap':
        return this.mremap(process, op)
      case 'store':
        return this.store(process, op.handle, op.page, op.value)
      case 'load':
        return this.load(process, op.handle, op.page)
      case 'fork': {
        beginOp(task, OPERATION.fork)
        const child = this.processes.fork(process)
        return child < 0 ? errnoName(child) : `ok P${child}`
      }
      case 'open':
      case 'close':
      case 'release':
        return this.deviceFile(process, op)
      case 'proc':
      case 'exit':
        throw new HmmError('HMM_ERR_SCENARIO', `${op.op} does not run inside a process`)
      default:
        return this.ioctl(process, op)
    }
  }

  private mmap(process: Process, op: MmapOp): string {
    const { task } = this
    const start = this.processes.freshSlot(process)
    beginOp(task, OPERATION.mmap, start, op.pages)
    const shared = op.kind === 'shared' || op.kind === 'memfd' || op.kind === 'file-shared'
    const hugetlb = op.huge === 'hugetlb'
    if (hugetlb && op.kind !== 'private' && op.kind !== 'shared') return errnoName(-EINVAL) // no hugetlbfs file is behind it
    const file = op.same !== undefined ? this.handle(process, op.same).file : this.newFile(op)
    if (op.kind !== 'private' && file === NO_FILE) return errnoName(op.same === undefined ? -ENOMEM : -EINVAL)
    const flags = rights(op.prot) | (shared ? VM_SHARED : 0) | (hugetlb ? VM_HUGETLB : 0)
    const result = mmap(task, process.mm, start, op.pages, flags, PLACE_FIXED, file)
    if (result >= 0) this.processes.name(process, op.handle, { start: result, pages: op.pages, file })
    if (op.same === undefined && file !== NO_FILE) filePut(task, file) // the area and the handle keep it from here on
    if (result >= 0 && op.huge === 'thp') madvise(task, process.mm, result, op.pages, ADVICE.hugepage)
    return result < 0 ? errnoName(result) : 'ok'
  }

  private newFile(op: MmapOp): File {
    if (op.kind === 'private') return NO_FILE
    const whole = op.huge === 'hugetlb' ? HUGE_PAGES : 1
    return createFile(this.task, Math.ceil(Math.max(1, op.pages) / whole) * whole)
  }

  private madvise(process: Process, op: AdviseOp): string {
    const advice = ADVICES[op.advice]
    const start = this.page(process, op.handle, op.page)
    beginOp(this.task, OPERATION.madvise, start, op.pages, advice)
    return outcome(madvise(this.task, process.mm, start, op.pages, advice))
  }

  private mremap(process: Process, op: RemapOp): string {
    const handle = this.handle(process, op.handle)
    beginOp(this.task, OPERATION.mremap, handle.start, op.pages)
    const moves = op.mode === 'move' || op.mode === 'dontunmap'
    const target = moves ? this.processes.freshSlot(process) : 0
    const flags =
      (op.mode === 'none' ? 0 : MREMAP_MAYMOVE) | (moves ? MREMAP_FIXED : 0) | (op.mode === 'dontunmap' ? MREMAP_DONTUNMAP : 0)
    const result = mremap(this.task, process.mm, handle.start, handle.pages, op.pages, flags, target)
    if (result < 0) return errnoName(result)
    handle.start = result
    handle.pages = op.pages
    return 'ok'
  }

  private store(process: Process, handle: string, page: number, value: bigint): string {
    const vpn = this.page(process, handle, page)
    beginOp(this.task, OPERATION.store, vpn, 1)
    const low = Number(BigInt.asIntN(32, value))
    const high = Number(BigInt.asIntN(32, value >> 32n))
    return accessOutcome(userStore64(this.task, vpn, low, high)) ?? 'ok'
  }

  private load(process: Process, handle: string, page: number): string {
    const vpn = this.page(process, handle, page)
    beginOp(this.task, OPERATION.load, vpn, 1)
    return accessOutcome(userLoad64(this.task, vpn)) ?? text64(accessValue(), accessValueHigh())
  }

  private deviceFile(process: Process, op: DeviceFileOp): string {
    if (op.op === 'open') {
      beginOp(this.task, OPERATION.open)
      const mirror = this.processes.open(process, op.device)
      return mirror < 0 ? errnoName(mirror) : 'ok'
    }
    if (op.op === 'close') {
      beginOp(this.task, OPERATION.close)
      return outcome(this.processes.close(process, op.device))
    }
    return this.command(process, op.device, { cmd: 'release', start: 0, pages: 1 }).text
  }

  private ioctl(process: Process, op: DeviceOp | DeviceWriteOp | RegisterOp | PrefetchOp): string {
    const cmd = op.op === 'prefetch' ? PREFETCHES[op.advice] : COMMANDS[op.op]
    const start = this.page(process, op.handle, op.page)
    const value = 'value' in op ? op.value : 'prot' in op ? BigInt(rights(op.prot)) : 0n
    const { result, text } = this.command(process, op.device, {
      cmd,
      start,
      pages: op.pages,
      low: Number(BigInt.asIntN(32, value)),
      high: Number(BigInt.asIntN(32, value >> 32n)),
    })
    if (result === null) return text
    const counted = op.op === 'dread' || op.op === 'dwrite'
    if (result.errno < 0) return counted ? `${text} cpages=${result.cpages} faults=${result.faults}` : text
    if (SILENT.has(op.op)) return 'ok'
    if (op.op === 'snapshot') return `ok perms=${runs(result.perms ?? [])}`
    const parts = [`ok cpages=${result.cpages}`]
    if (counted) parts.push(`faults=${result.faults}`)
    if (result.values !== undefined) parts.push(`values=${runs(values64(result.values))}`)
    return parts.join(' ')
  }

  private command(process: Process, device: number, request: IoctlRequest): { result: IoctlResult | null; text: string } {
    beginOp(this.task, OPERATION.ioctl, request.start, request.pages, device)
    const mirror = this.processes.open(process, device)
    if (mirror < 0) return { result: null, text: errnoName(mirror) }
    const result = boundDriver(this.task, device).ioctl(mirror as Mirror, request)
    return { result, text: outcome(result.errno) }
  }

  private handle(process: Process, name: string): Handle {
    const handle = process.handles.get(name)
    if (handle === undefined) throw new HmmError('HMM_ERR_SCENARIO', `handle ${name} is not mapped in process ${process.number}`)
    return handle
  }

  private page(process: Process, name: string, page: number): number {
    return this.handle(process, name).start + page
  }
}

const ADVICES: Record<AdviceName, number> = {
  dontneed: ADVICE.dontneed,
  free: ADVICE.free,
  pageout: ADVICE.pageout,
  remove: ADVICE.remove,
  collapse: ADVICE.collapse,
  populate_read: ADVICE.populateRead,
  populate_write: ADVICE.populateWrite,
  hugepage: ADVICE.hugepage,
  nohugepage: ADVICE.nohugepage,
  dontfork: ADVICE.dontfork,
  wipeonfork: ADVICE.wipeonfork,
}

const COMMANDS: Record<(DeviceOp | DeviceWriteOp | RegisterOp)['op'], string> = {
  dread: 'read',
  dwrite: 'write',
  snapshot: 'snapshot',
  migrate_dev: 'migrate_dev',
  migrate_sys: 'migrate_sys',
  exclusive: 'exclusive',
  check_exclusive: 'check_exclusive',
  reg_mr: 'reg_mr',
  dereg_mr: 'dereg_mr',
  bind: 'bind',
  unbind: 'unbind',
  submit: 'submit',
}

/** Commands that answer no more than that it was done. */
const SILENT: ReadonlySet<string> = new Set(['check_exclusive', 'reg_mr', 'dereg_mr', 'bind', 'unbind', 'submit'])

const PREFETCHES: Record<PrefetchAdvice, string> = {
  read: 'prefetch',
  write: 'prefetch_write',
  no_fault: 'prefetch_no_fault',
}

function rights(prot: string): number {
  return (prot.includes('r') ? VM_READ : 0) | (prot.includes('w') ? VM_WRITE : 0) | (prot.includes('x') ? VM_EXEC : 0)
}

function outcome(result: number): string {
  return result < 0 ? errnoName(result) : 'ok'
}

/** The signal a failed access ends with, or null. */
export function accessOutcome(ended: number): string | null {
  if (ended === ACCESS.ok) return null
  return ended === ACCESS.sigbus ? 'SIGBUS' : ended === ACCESS.oom ? 'ENOMEM' : 'SIGSEGV'
}

function text64(low: number, high: number): string {
  return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString()
}

function values64(words: readonly number[]): string[] {
  const out: string[] = []
  for (let i = 0; i < words.length; i += 2) out.push(text64(words[i] as number, words[i + 1] as number))
  return out
}

/** Run-length notation: `X*3` for X,X,X. */
export function runs(items: readonly string[]): string {
  const out: string[] = []
  for (let i = 0; i < items.length; ) {
    let end = i
    while (end < items.length && items[end] === items[i]) end++
    out.push(end - i > 1 ? `${items[i]}*${end - i}` : (items[i] as string))
    i = end
  }
  return out.join(',')
}
