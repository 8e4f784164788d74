/**
 * Random scenarios. What is generated is a list of plain steps, small numbers each, which shrinks well; `scenarioText` makes a
 * scenario of any such list: a step that makes no sense where it stands is left out, numbers are taken as far as they go.
 * At the end every process that lives reads what it has.
 *
 * The tables KINDS, ADVICE, MODES, those of rights, and WEIGHTS say what there is and how often.
 */
import fc from 'fast-check'

/** What mmap is asked for, behind PROT. */
const KINDS = [
  ...['private', 'private', 'private', 'private', 'private', 'shared', 'shared', 'memfd', 'file-shared'],
  ...['file-private', 'file-private', 'file-private', 'private thp', 'private thp', 'private hugetlb', 'shared hugetlb'],
] as const

const ADVICE = [
  ...['dontneed', 'dontneed', 'populate_read', 'populate_write', 'dontfork', 'wipeonfork', 'free', 'free', 'pageout', 'remove'],
  ...['hugepage', 'nohugepage', 'collapse', 'pageout'],
] as const

/** What is mapped as anything but rw is of little use until it is changed. */
const MMAP_PROTS = [...new Array<string>(12).fill('rw'), 'r', '-', 'w', 'rwx']
const MPROTECT_PROTS = ['rw', 'rw', 'r', 'rw', 'r', 'rw', '-', 'rw', 'w', 'rwx', 'x'] as const

const MODES = ['', ' maymove', ' move', ' move', ' dontunmap'] as const

/** Operations, and how often each is tried. */
const WEIGHTS = {
  load: 12,
  store: 14,
  dread: 10,
  dwrite: 12,
  migrate_dev: 10,
  migrate_sys: 4,
  exclusive: 6,
  snapshot: 3,
  check_exclusive: 2,
  munmap: 2,
  mprotect: 6,
  madvise: 10,
  mremap: 4,
  mmap: 3,
  open: 1,
  close: 1,
  release: 1,
  fork: 4,
  proc: 8,
  exit: 1,
} as const
type Operation = keyof typeof WEIGHTS

export interface Step {
  readonly op: Operation
  readonly handle: number
  readonly page: number
  /** Pages of a span; beyond the mapping: all that is left of it. */
  readonly pages: number
  /** Size of a mapping. */
  readonly size: number
  readonly device: number
  readonly choice: number
}

/** More handles would share less. */
const HANDLES = ['A', 'B', 'C', 'D'] as const
const MAX_PROCESSES = 4
/** Large mappings of one process: more would only take time. */
const MAX_LARGE = 1
/** Pages of a huge page. */
const HUGE = 512
/** The value that a step writes counts from a thousand times its line, so that a wrong one tells where it is from. */
const VALUE_STEP = 1000n
const HIGH_VALUE = 1n << 63n
/** Pages that are read at the end: at the beginning of a mapping and around what batches and tables end at. */
const READ_AT_END = 10
const BORDERS = [15, 16, 63, 64, 65, 511, 512, 513]

const number = (min: number, max: number) => fc.integer({ min, max })
const either = (...parts: (readonly [weight: number, min: number, max: number])[]) =>
  fc.oneof({ withCrossShrink: true }, ...parts.map(([weight, min, max]) => ({ weight, arbitrary: number(min, max) })))

const page = either([20, 0, 7], [4, 8, 20], [2, 60, 70], [1, 508, 515])
const pages = either([24, 1, 6], [6, 7, 20], [2, 62, 70], [6, 10_000, 10_000], [1, 0, 0])
const size = either([20, 1, 6], [10, 7, 20], [2, 60, 140], [1, 505, 530])
const choice = number(0, 999)
const handle = number(0, HANDLES.length - 1)
const device = fc.constantFrom(0, 0, 1)
const operation = fc.oneof(
  ...Object.entries(WEIGHTS).map(([op, weight]) => ({ arbitrary: fc.constant(op as Operation), weight })),
)

const anyStep: fc.Arbitrary<Step> = fc.record({ op: operation, handle, page, pages, size, device, choice })
const mapping: fc.Arbitrary<Step> = anyStep.map((step) => ({ ...step, op: 'mmap' as const }))

/** Steps of a scenario: some mappings first, up to `longest` steps after them. */
export function steps(longest: number): fc.Arbitrary<Step[]> {
  return fc
    .tuple(
      fc.array(mapping, { minLength: 1, maxLength: 3 }),
      fc.array(anyStep, { minLength: 1, maxLength: longest, size: 'max' }),
    )
    .map(([first, rest]) => [...first, ...rest])
}

interface Mapped {
  size: number
  readonly kind: (typeof KINDS)[number]
}

interface Process {
  alive: boolean
  readonly handles: Map<string, Mapped>
}

/** What has to be known of a scenario so far to go on with it: who lives, and what is mapped under which name. */
class Outline {
  readonly lines: string[] = []
  private readonly processes: Process[] = [{ alive: true, handles: new Map() }]
  private currentNumber = 0

  /** Writes the line of `step`, unless it makes no sense here. */
  add(step: Step): void {
    const { op } = step
    if (op === 'proc' || op === 'exit') {
      if (this.processes.length > 1) this.switch(op, step.choice % this.processes.length)
      return
    }
    const process = this.processes[this.currentNumber] as Process
    if (!process.alive) return
    if (op === 'fork') this.fork(process)
    else if (op === 'mmap') this.mmap(process, step)
    else if (op === 'open' || op === 'close' || op === 'release') this.lines.push(`${op} ${step.device}`)
    else this.within(process, step)
  }

  /** Every process that lives reads a part of all its mappings. */
  readAll(): void {
    for (const [number, { alive, handles }] of this.processes.entries()) {
      if (!alive) continue
      this.lines.push(`proc ${number}`)
      for (const [name, { size }] of handles)
        for (let page = 0; page < size; page++)
          if (page < READ_AT_END || page === size - 1 || BORDERS.includes(page)) this.lines.push(`load ${name} ${page}`)
    }
  }

  private switch(op: 'proc' | 'exit', number: number): void {
    this.lines.push(`${op} ${number}`)
    if (op === 'proc') this.currentNumber = number
    else (this.processes[number] as Process).alive = false
  }

  private fork(process: Process): void {
    if (this.processes.length === MAX_PROCESSES) return
    this.lines.push('fork')
    this.processes.push({ alive: true, handles: new Map([...process.handles].map(([name, one]) => [name, { ...one }])) })
  }

  private mmap(process: Process, step: Step): void {
    const name = HANDLES.find((one) => !process.handles.has(one))
    const kind = pick(KINDS, step.choice)
    const size = sizeOf(kind, step.size)
    const large = [...process.handles.values()].filter((mapped) => mapped.size >= HUGE).length
    if (name === undefined || (size >= HUGE && large >= MAX_LARGE)) return
    const other = [...process.handles].filter(([, mapped]) => isFile(mapped.kind)).at(step.handle)
    const same = isFile(kind) && other !== undefined && step.device === 1 ? ` same=${other[0]}` : ''
    const prot = pick(MMAP_PROTS, Math.floor(step.choice / KINDS.length))
    this.lines.push(`mmap ${name} ${size} ${prot} ${kind}${same}`)
    process.handles.set(name, { size, kind })
  }

  private within(process: Process, step: Step): void {
    const handle = this.handle(process, step)
    if (handle === undefined) return
    const [name, mapped] = handle
    if (step.op === 'mremap' && mapped.kind.endsWith('hugetlb')) return // sizes and places have rules of their own
    // The size, which only mappings have a use for, also tells when a step means the huge page that a large one begins with.
    const whole = mapped.size >= HUGE && step.size % 3 === 0
    const page = whole ? 0 : step.page < mapped.size ? step.page : step.page % (mapped.size + 1)
    const count = whole ? HUGE : Math.min(step.pages, Math.max(1, mapped.size - page))
    const at = `${name} ${page}`
    const span = `${at} ${count}`
    const base = VALUE_STEP * BigInt(this.lines.length + 1)
    const value = step.choice % 16 === 15 ? HIGH_VALUE + base : base
    const text: Partial<Record<Operation, string>> = {
      load: at,
      store: `${at} ${value}`,
      munmap: span,
      mprotect: `${span} ${pick(MPROTECT_PROTS, step.choice)}`,
      madvise: `${span} ${pick(ADVICE, step.choice)}`,
      mremap: `${name} ${step.size}${pick(MODES, step.choice)}`,
      dwrite: `${step.device} ${span} ${value}`,
    }
    this.lines.push(`${step.op} ${text[step.op] ?? `${step.device} ${span}`}`)
    if (step.op === 'mremap') mapped.size = step.size
  }

  /** The handle that a step means, or the first there is. */
  private handle(process: Process, step: Step): [string, Mapped] | undefined {
    const name = HANDLES[step.handle]
    const meant = name === undefined ? undefined : process.handles.get(name)
    return name !== undefined && meant !== undefined ? [name, meant] : process.handles.entries().next().value
  }
}

/** The scenario that a list of steps stands for, in the language of test/conformance/FORMAT.md, without answers. */
export function scenarioText(steps: readonly Step[]): string {
  const outline = new Outline()
  for (const step of steps) outline.add(step)
  outline.readAll()
  return outline.lines.join('\n')
}

function isFile(kind: Mapped['kind']): boolean {
  return kind.startsWith('file') || kind === 'memfd'
}

/** A hugetlb mapping is one huge page; one for transparent huge pages has one at least, and perhaps something behind it. */
function sizeOf(kind: Mapped['kind'], size: number): number {
  if (kind.endsWith('hugetlb')) return HUGE
  return kind.endsWith('thp') && size < HUGE ? HUGE + (size % 8) * 3 : size
}

function pick<T>(table: readonly T[], choice: number): T {
  return table[choice % table.length] as T
}
