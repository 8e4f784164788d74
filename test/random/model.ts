/**
 * A sequential model of memory contents: for each process and handle an array of pages, each with its rights and its value.
 * No page tables, no frames, no devices. It is asked about every answer of a scenario, in order, and follows along.
 *
 *     anonymous private page    value of its own, 0 until written; copied by fork
 *     shared page               the value is in the file, which all mappings of it share
 *     private file page         the file's value until it is copied, then its own
 *
 * What the model decides: every value, every signal, and errors that follow from holes, rights and ends of files. Where only
 * page tables decide whether something succeeds (can it move, can it be taken?), it takes the answer for granted and acts on
 * it. One thing is left open: an operation that fails half way may have copied private file pages, or not. Such a page has
 * several possible values until one is seen.
 */
import type {
  AdviseOp,
  DeviceOp,
  DeviceWriteOp,
  MmapOp,
  ProcessOp,
  ProtectOp,
  RemapOp,
  ScenarioOp,
  SpanOp,
} from '../../shared/actor/ops.ts'
import {
  alike,
  allows,
  beyondEnd,
  type Content,
  contentOf,
  cutsHugetlb,
  HUGE,
  mayCopy,
  type Page,
  possible,
  sees,
  write,
  zeros,
} from './page.ts'

interface Handle {
  /** Size as mremap knows it; pages beyond the array are not mapped either. */
  size: number
  readonly file: Content | null
  pages: (Page | undefined)[]
}

interface Process {
  alive: boolean
  readonly handles: Map<string, Handle>
  readonly open: Set<number>
}

/** The parts of an answer. */
interface Reply {
  readonly outcome: string
  readonly cpages: number
  readonly faults: number
  readonly items: readonly string[]
}

/** What the model says of an answer: null when it agrees, else what it would have said. */
type Verdict = string | null

export class Model {
  private readonly processes: Process[] = [{ alive: true, handles: new Map(), open: new Set() }]
  private currentNumber = 0

  /** Judges the answer to the next operation, and carries the operation out. */
  judge(op: ScenarioOp, answer: string): Verdict {
    if (isProcessOp(op)) return this.processOp(op, answer)
    const process = this.processes[this.currentNumber]
    return process?.alive === true ? this.judgeIn(process, op, answer) : equal(answer, 'ESRCH')
  }

  private processOp(op: ProcessOp, answer: string): Verdict {
    const process = this.processes[op.process]
    const alive = process?.alive === true
    if (op.op === 'proc') this.currentNumber = op.process
    else if (process !== undefined) process.alive = false
    return equal(answer, alive ? 'ok' : 'ESRCH')
  }

  private judgeIn(process: Process, op: Exclude<ScenarioOp, ProcessOp>, answer: string): Verdict {
    switch (op.op) {
      case 'mmap':
        return this.mmap(process, op, answer)
      case 'munmap':
        return this.munmap(process, op, answer)
      case 'mprotect':
        return this.mprotect(process, op, answer)
      case 'madvise':
        return this.madvise(process, op, answer)
      case 'mremap':
        return this.mremap(process, op, answer)
      case 'load':
        return this.load(pageAt(process, op.handle, op.page), answer)
      case 'store':
        return this.store(pageAt(process, op.handle, op.page), op.value, answer)
      case 'fork':
        this.processes.push(this.fork(process))
        return equal(answer, `ok P${this.processes.length - 1}`)
      case 'close':
        return equal(answer, process.open.delete(op.device) ? 'ok' : 'EBADF')
      case 'open':
      case 'release':
        process.open.add(op.device)
        return equal(answer, 'ok')
      case 'reg_mr':
      case 'dereg_mr':
      case 'prefetch':
      case 'bind':
      case 'unbind':
      case 'submit':
        process.open.add(op.device)
        return equal(answer, 'EINVAL') // the test device has no regions, and no buffers
      default:
        process.open.add(op.device)
        return op.pages === 0 ? equal(parse(answer).outcome, 'EINVAL') : this.device(process, op, parse(answer))
    }
  }

  private mmap(process: Process, op: MmapOp, answer: string): Verdict {
    const shared = op.kind !== 'private' && op.kind !== 'file-private'
    const file = op.same !== undefined ? handleOf(process, op.same).file : op.kind === 'private' ? null : zeros(op.pages)
    const advised = { lazy: false, dontfork: false, wipeonfork: false }
    const page = { prot: op.prot, file, shared, own: undefined, hugetlb: op.huge === 'hugetlb', ...advised }
    const pages = Array.from({ length: op.pages }, (_, index) => ({ ...page, copies: [], index }))
    process.handles.set(op.handle, { size: op.pages, file, pages })
    return equal(answer, 'ok')
  }

  protected munmap(process: Process, op: SpanOp, answer: string): Verdict {
    if (op.pages === 0) return equal(answer, 'EINVAL')
    const { pages } = handleOf(process, op.handle)
    if (cutsHugetlb(pages, op.page) || cutsHugetlb(pages, op.page + op.pages)) return equal(answer, 'EINVAL')
    for (let i = op.page; i < Math.min(pages.length, op.page + op.pages); i++) pages[i] = undefined
    return equal(answer, 'ok')
  }

  /** A hole ends it; what lies before the hole is changed. */
  private mprotect(process: Process, op: ProtectOp, answer: string): Verdict {
    const { pages } = handleOf(process, op.handle)
    const cuts = op.pages > 0 && (cutsHugetlb(pages, op.page) || cutsHugetlb(pages, op.page + op.pages))
    for (const page of span(process, op)) {
      if (page === undefined) return equal(answer, 'ENOMEM')
      if (cuts && page.prot !== op.prot) return equal(answer, 'EINVAL')
      page.prot = op.prot
    }
    return equal(answer, 'ok')
  }

  private madvise(process: Process, op: AdviseOp, answer: string): Verdict {
    const pages = span(process, op)
    const hole = pages.includes(undefined)
    if (pages.some((page) => page?.hugetlb === true)) return this.adviseHugetlb(op, pages, answer)
    switch (op.advice) {
      case 'populate_read':
        return agree(
          answer,
          pages.every((page) => allows(page, 'r')),
        )
      case 'populate_write':
        return this.populateWrite(pages, answer)
      case 'collapse':
        return null
      default:
        for (const page of pages) {
          const refused = page === undefined ? null : advise(page, op.advice)
          if (refused !== null) return equal(answer, refused)
        }
        return equal(answer, hole ? 'ENOMEM' : 'ok')
    }
  }

  /** What changes contents works on whole pages only, or, where it is refused, not at all. */
  private adviseHugetlb(op: AdviseOp, pages: readonly (Page | undefined)[], answer: string): Verdict {
    const whole = op.page === 0 && op.pages >= HUGE
    for (const page of pages) {
      if (page === undefined) continue
      if (op.advice === 'remove' && page.shared) advise(page, op.advice)
      else if (whole && answer !== 'EINVAL' && ['dontneed', 'dontfork', 'wipeonfork'].includes(op.advice)) advise(page, op.advice)
    }
    const refuses = ['free', 'pageout', 'wipeonfork'].includes(op.advice)
    return refuses || (op.advice === 'dontneed' && op.page % HUGE !== 0) ? equal(answer, 'EINVAL') : null
  }

  private populateWrite(pages: readonly (Page | undefined)[], answer: string): Verdict {
    for (const page of pages) {
      if (answer !== 'ok') mayCopy(page)
      else if (page?.copies.length === 0) write(page, contentOf(page), 'copy')
      else mayCopy(page)
    }
    return agree(
      answer,
      pages.every((page) => allows(page, 'w')),
    )
  }

  /** Only one whole area can grow or move, which pages alone do not tell; pages that differ lie in different ones. */
  private mremap(process: Process, op: RemapOp, answer: string): Verdict {
    const handle = handleOf(process, op.handle)
    const { pages, size } = handle
    if (op.pages === 0 || (op.mode === 'dontunmap' && op.pages !== size)) return equal(answer, 'EINVAL')
    const first = pages[0]
    if (first === undefined) return equal(answer, 'EFAULT')
    const moves = op.mode === 'move' || op.mode === 'dontunmap'
    if (op.pages < size) pages.length = Math.min(pages.length, op.pages)
    if (!moves && op.pages <= size) {
      handle.size = op.pages
      return equal(answer, 'ok')
    }
    if (answer !== 'ok') return equal(answer, 'EFAULT')
    const kept = Array.from({ length: Math.min(size, op.pages) }, (_, i) => pages[i])
    if (kept.some((page) => page === undefined || !alike(page, first))) return 'EFAULT, as this is not one area'
    for (let i = size; i < op.pages; i++) pages[i] = { ...first, index: first.index + i, own: undefined, copies: [], lazy: false }
    handle.size = op.pages
    return null
  }

  protected load(page: Page | undefined, answer: string): Verdict {
    if (page === undefined || page.prot === '-') return equal(answer, 'SIGSEGV')
    if (beyondEnd(page)) return equal(answer, 'SIGBUS')
    return /^\d+$/.test(answer) && sees(page, BigInt(answer)) ? null : possible(page)
  }

  private store(page: Page | undefined, value: bigint, answer: string): Verdict {
    if (page === undefined || !page.prot.includes('w')) return equal(answer, 'SIGSEGV')
    if (beyondEnd(page)) return equal(answer, 'SIGBUS')
    write(page, value)
    return equal(answer, 'ok')
  }

  private fork(parent: Process): Process {
    const handles = [...parent.handles].map(([name, handle]): [string, Handle] => [
      name,
      { ...handle, pages: Array.from(handle.pages, (page) => (page === undefined ? undefined : this.forkPage(page))) },
    ])
    return { alive: true, handles: new Map(handles), open: new Set() }
  }

  protected forkPage(page: Page): Page | undefined {
    if (page.dontfork) return undefined
    return page.wipeonfork ? { ...page, own: undefined, lazy: false } : { ...page, copies: [...page.copies] }
  }

  private device(process: Process, op: DeviceOp | DeviceWriteOp, reply: Reply): Verdict {
    const pages = span(process, op)
    const unreadable = pages.some((page) => page?.prot.includes('r') !== true)
    const fixed = pages.some((page) => page?.hugetlb === true)
    const { outcome } = reply
    if (reply.faults > (outcome === 'ok' ? 1 : 0)) return `faults=${outcome === 'ok' ? '0 or 1' : 0}`
    switch (op.op) {
      case 'dread': {
        // A page that is only writable can be read while the device holds it exclusively.
        const bad = pages.findIndex((page) => !allows(page, 'r') && !allows(page, 'w'))
        if (outcome === 'ok' && bad < 0) return sawAll(pages, reply)
        if (bad < 0 && !unreadable) return 'ok'
        return outcome !== 'EFAULT' ? 'EFAULT' : reply.cpages <= (bad < 0 ? pages.length : bad) ? null : `at most cpages=${bad}`
      }
      case 'dwrite':
        return this.deviceWrite(pages, op.value, reply)
      case 'migrate_dev':
        if (unreadable || fixed) return equal(outcome, 'EINVAL')
        return outcome === 'ok' ? sawAll(pages, reply) : equal(outcome, 'ENOENT')
      case 'migrate_sys':
        if (unreadable || fixed) return equal(outcome, 'EINVAL')
        if (outcome !== 'ok') return 'ok'
        return reply.cpages <= pages.length ? null : `at most cpages=${pages.length}`
      case 'exclusive':
        return this.exclusive(pages, reply)
      case 'check_exclusive':
        return outcome === 'ok' || outcome === 'EPERM' ? null : 'ok or EPERM'
      default:
        return snapshot(pages, reply)
    }
  }

  /** The first `cpages` pages are written, also when it fails. A device's own read-only page fails at any place. */
  private deviceWrite(pages: readonly (Page | undefined)[], value: bigint, { outcome, cpages }: Reply): Verdict {
    const bad = pages.findIndex((page) => !allows(page, 'r') || !allows(page, 'w'))
    const done = bad < 0 ? pages.length : bad
    if (outcome === 'ok' ? cpages !== pages.length : !(cpages <= done))
      return `cpages=${done}${outcome === 'ok' ? '' : ' at most'}`
    for (const [i, page] of pages.entries()) {
      if (page !== undefined && i < cpages) write(page, value + BigInt(i))
      else mayCopy(page)
    }
    if (bad < 0) return outcome === 'ok' || outcome === 'EFAULT' ? null : 'ok or EFAULT'
    if (outcome === 'EFAULT') return null
    const page = pages[bad]
    const readOnly = page?.prot.includes('r') === true && !page.prot.includes('w')
    return equal(outcome, readOnly ? 'EPERM' : 'EFAULT')
  }

  private exclusive(pages: readonly (Page | undefined)[], reply: Reply): Verdict {
    const possible = pages.every((page) => allows(page, 'w') && page?.shared === false && !page.hugetlb)
    if (reply.outcome !== 'ok' || !possible) {
      for (const page of pages) mayCopy(page)
      return equal(reply.outcome, 'EBUSY')
    }
    const verdict = sawAll(pages, reply)
    for (const [i, page] of pages.entries()) if (page !== undefined) write(page, BigInt(reply.items[i] ?? 0), 'copy')
    return verdict
  }
}

/** What advice does to one page. Returns the error if it does not take it. */
function advise(page: Page, advice: AdviseOp['advice']): Verdict {
  switch (advice) {
    case 'dontneed':
      if (!page.shared) write(page, undefined)
      return null
    case 'free':
      page.lazy = page.own !== undefined
      return page.file === null ? null : 'EINVAL'
    case 'remove':
      if (!page.shared) return page.file === null ? 'EINVAL' : 'EACCES'
      if (!beyondEnd(page)) write(page, 0n)
      return null
    case 'dontfork':
      page.dontfork = true
      return null
    case 'wipeonfork':
      page.wipeonfork = page.file === null
      return page.file === null ? null : 'EINVAL'
    default: // about how memory is kept, not about what is in it
      return null
  }
}

function isProcessOp(op: ScenarioOp): op is ProcessOp {
  return op.op === 'proc' || op.op === 'exit'
}

function equal(answer: string, wanted: string): Verdict {
  return answer === wanted ? null : wanted
}

/** `ok` or some errno, as `succeeds` says. */
function agree(answer: string, succeeds: boolean): Verdict {
  return (answer === 'ok') === succeeds ? null : succeeds ? 'ok' : 'an error'
}

function handleOf(process: Process, name: string): Handle {
  const handle = process.handles.get(name)
  if (handle === undefined) throw new Error(`handle ${name} was never mapped`)
  return handle
}

function pageAt(process: Process, handle: string, page: number): Page | undefined {
  return handleOf(process, handle).pages[page]
}

function span(process: Process, op: { handle: string; page: number; pages: number }): (Page | undefined)[] {
  const { pages } = handleOf(process, op.handle)
  return Array.from({ length: op.pages }, (_, i) => pages[op.page + i])
}

function sawAll(pages: readonly (Page | undefined)[], reply: Reply): Verdict {
  const right = pages.map((page, i) => page !== undefined && !beyondEnd(page) && sees(page, BigInt(reply.items[i] ?? -1)))
  if (right.every(Boolean) && reply.cpages === pages.length && reply.items.length === pages.length) return null
  return `cpages=${pages.length} values=${pages.map((page) => (page === undefined ? 'none' : possible(page))).join(',')}`
}

/** Of a snapshot only what rights and ends of files say: where it is an ERROR, and where it cannot be WRITE. */
function snapshot(pages: readonly (Page | undefined)[], { outcome, items }: Reply): Verdict {
  if (outcome !== 'ok' || items.length !== pages.length) return `ok and ${pages.length} perms`
  for (const [i, page] of pages.entries()) {
    const unreadable = page?.prot.includes('r') !== true
    if ((items[i] === 'ERROR') !== unreadable) return `${unreadable ? '' : 'no '}ERROR in place ${i}`
    if (items[i]?.includes('WRITE') && !allows(page, 'w')) return `no WRITE in place ${i}`
  }
  return null
}

/** Splits `ok cpages=2 faults=1 values=7,0*3` into its parts, and undoes the run-length notation. */
function parse(answer: string): Reply {
  const [outcome = '', ...fields] = answer.split(' ')
  const field = (name: string) => fields.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1)
  const items = (field('values') ?? field('perms') ?? '').split(',').flatMap((run) => {
    const [item = '', count = '1'] = run.split('*')
    return item === '' ? [] : new Array<string>(Number(count)).fill(item)
  })
  const number = (name: string) => Number(field(name) ?? Number.NaN)
  return { outcome, cpages: number('cpages'), faults: number('faults'), items }
}
