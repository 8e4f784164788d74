/**
 * The parser of sequential scenario files (`.scn`): one operation a line, `=> RESULT` where a real kernel's answer was
 * recorded. The language is described in test/conformance/FORMAT.md. Every mistake is one sentence with file and line.
 */
import type { z } from 'zod'
import type { ScenarioLine, ScenarioOp, ThreadOp } from '../../shared/actor/ops.ts'
import { InputError } from './error.ts'
import * as token from './tokens.ts'

/** A parsed sequential scenario (docs/scenarios.md). */
export interface SequentialScenario {
  readonly file: string
  /** Name and purpose: the first comment line. */
  readonly title: string
  /** Words of the `# uses:` line. */
  readonly uses: readonly string[]
  readonly lines: readonly ScenarioLine[]
  /** The text of each line, of comments too: line 1 is the first. */
  readonly source: readonly string[]
  /** Devices that the scenario names: 0 to this, exclusive. */
  readonly devices: number
}

/** Parses the text of `file`. Throws InputError. */
export function parseSequential(file: string, text: string): SequentialScenario {
  const lines: ScenarioLine[] = []
  let title = ''
  let uses: string[] = []
  const source = text.split('\n').map((line) => line.trim())
  source.forEach((line, index) => {
    if (line.startsWith('#')) {
      if (title === '') title = line.slice(1).trim()
      if (line.startsWith('# uses:')) uses = line.slice('# uses:'.length).trim().split(/\s+/).filter(Boolean)
      return
    }
    if (line !== '') lines.push(parseLine(new Place(file, index + 1), line))
  })
  if (lines.length === 0) throw new InputError(file, 0, 'the file has no operations')
  const named = lines.flatMap(({ op }) => ('device' in op ? [op.device + 1] : []))
  return { file, title, uses, lines, source, devices: Math.max(0, ...named) }
}

/** Is this the text of a concurrent scenario: does its first significant line name it? */
export function isConcurrent(text: string): boolean {
  const first = text.split('\n').find((line) => line.trim() !== '' && !line.trim().startsWith('#'))
  return first?.startsWith('scenario ') === true
}

/** Where a line stands, for the sentence about what is wrong with it. */
export class Place {
  readonly file: string
  readonly line: number
  constructor(file: string, line: number) {
    this.file = file
    this.line = line
  }

  fail(problem: string): never {
    throw new InputError(this.file, this.line, problem)
  }
}

/** The words of one line, taken one by one. */
export class Words {
  private readonly place: Place
  private readonly op: string
  private readonly words: string[]

  constructor(place: Place, op: string, words: string[]) {
    this.place = place
    this.op = op
    this.words = words
  }

  take<T>(schema: z.ZodType<T>, name: string): T {
    const word = this.words.shift()
    if (word === undefined) this.place.fail(`${this.op} needs ${name}`)
    const result = schema.safeParse(word)
    if (result.success) return result.data
    this.place.fail(`${this.op}: ${result.error.issues[0]?.message ?? `bad ${name}`}, not ${JSON.stringify(word)}`)
  }

  /** The words do not go together: `problem` continues the name of the operation. */
  fail(problem: string): never {
    this.place.fail(`${this.op} ${problem}`)
  }

  more(): boolean {
    return this.words.length > 0
  }

  end(): void {
    if (this.words.length > 0) this.place.fail(`${this.op} does not take ${JSON.stringify(this.words[0])}`)
  }
}

/** Parses one line of a sequential scenario. */
export function parseLine(place: Place, line: string): ScenarioLine {
  const parts = `${line} `.split(' => ') // the blank: an arrow at the end is one without a result
  if (parts.length > 2) place.fail('" => " may occur once in a line')
  const op = parseOperation(place, parts[0] ?? '', OPERATIONS)
  const expected = parts[1]?.trim()
  if (expected === '') place.fail('nothing follows "=>"')
  return expected === undefined ? { line: place.line, op } : { line: place.line, op, expected }
}

/** Parses the operation `text` names, one of those in `operations`. */
export function parseOperation<O>(place: Place, text: string, operations: Readonly<Record<string, (words: Words) => O>>): O {
  const [name = '', ...rest] = text.trim().split(/\s+/)
  const parse = Object.hasOwn(operations, name) ? operations[name] : undefined
  if (parse === undefined)
    place.fail(`unknown operation ${JSON.stringify(name)}; known are ${Object.keys(operations).join(', ')}`)
  const words = new Words(place, name, rest)
  const op = parse(words)
  words.end()
  return op
}

const handle = (w: Words) => w.take(token.handle, 'a HANDLE')
const page = (w: Words) => w.take(token.page, 'a PAGE')
const pages = (w: Words) => w.take(token.pages, 'a number of pages N')
const mapped = (w: Words) => w.take(token.mapped, 'a number of pages N')
const device = (w: Words) => w.take(token.device, 'a DEVICE')
const value = (w: Words) => w.take(token.value, 'a VALUE')
const prot = (w: Words) => w.take(token.prot, 'PROT')

function deviceSpan<const O extends string>(op: O) {
  return (w: Words) => ({ op, device: device(w), handle: handle(w), page: page(w), pages: pages(w) })
}

function deviceWrite<const O extends string>(op: O) {
  return (w: Words) => ({ op, device: device(w), handle: handle(w), page: page(w), pages: pages(w), value: value(w) })
}

function deviceFile<const O extends string>(op: O) {
  return (w: Words) => ({ op, device: device(w) })
}

function mmap(w: Words): ScenarioOp {
  const op = { op: 'mmap' as const, handle: handle(w), pages: mapped(w), prot: prot(w), kind: w.take(token.mapKind, 'KIND') }
  let huge: 'thp' | 'hugetlb' | undefined
  let same: string | undefined
  while (w.more()) {
    const extra = w.take(token.mapExtra, 'thp, hugetlb or same=HANDLE')
    if (extra === 'thp' || extra === 'hugetlb') {
      if (huge !== undefined) w.fail('takes one of thp and hugetlb, once')
      huge = extra
    } else {
      if (same !== undefined) w.fail('takes same= once')
      same = extra.slice('same='.length)
    }
  }
  return { ...op, ...(huge === undefined ? {} : { huge }), ...(same === undefined ? {} : { same }) }
}

const OPERATIONS: Readonly<Record<string, (words: Words) => ScenarioOp>> = {
  mmap,
  munmap: (w) => ({ op: 'munmap', handle: handle(w), page: page(w), pages: pages(w) }),
  mprotect: (w) => ({ op: 'mprotect', handle: handle(w), page: page(w), pages: pages(w), prot: prot(w) }),
  madvise: (w) => ({ op: 'madvise', handle: handle(w), page: page(w), pages: pages(w), advice: w.take(token.advice, 'ADVICE') }),
  mremap: (w) => ({
    op: 'mremap',
    handle: handle(w),
    pages: mapped(w),
    mode: w.more() ? w.take(token.remapMode, 'a mode') : 'none',
  }),
  store: (w) => ({ op: 'store', handle: handle(w), page: page(w), value: value(w) }),
  load: (w) => ({ op: 'load', handle: handle(w), page: page(w) }),
  dread: deviceSpan('dread'),
  dwrite: deviceWrite('dwrite'),
  snapshot: deviceSpan('snapshot'),
  migrate_dev: deviceSpan('migrate_dev'),
  migrate_sys: deviceSpan('migrate_sys'),
  exclusive: deviceSpan('exclusive'),
  check_exclusive: deviceSpan('check_exclusive'),
  reg_mr: (w) => ({ ...deviceSpan('reg_mr')(w), prot: prot(w) }),
  dereg_mr: deviceSpan('dereg_mr'),
  bind: (w) => ({ ...deviceSpan('bind')(w), prot: prot(w) }),
  unbind: deviceSpan('unbind'),
  submit: deviceWrite('submit'),
  prefetch: (w) => ({ ...deviceSpan('prefetch')(w), advice: w.more() ? w.take(token.prefetch, 'a kind of prefetch') : 'read' }),
  open: deviceFile('open'),
  close: deviceFile('close'),
  release: deviceFile('release'),
  fork: () => ({ op: 'fork' }),
  proc: (w) => ({ op: 'proc', process: w.take(token.process, 'a process number') }),
  exit: (w) => ({ op: 'exit', process: w.take(token.process, 'a process number') }),
}

/** Operations of a cpu thread in a concurrent scenario: what a sequential one has, but for processes and devices' files. */
export const CPU_THREAD_OPERATIONS: Readonly<Record<string, (words: Words) => ThreadOp>> = {
  ...without(['proc', 'release']),
  add: (w) => ({ op: 'add', handle: handle(w), page: page(w), value: value(w) }),
}

/** What a reclaim thread does to the pages of process 0. */
export const RECLAIM_THREAD_OPERATIONS: Readonly<Record<string, (words: Words) => ThreadOp>> = {
  pageout: (w) => ({ op: 'putout', handle: handle(w), page: page(w), pages: pages(w) }),
  move: (w) => ({ op: 'move', handle: handle(w), page: page(w), pages: pages(w) }),
  split: (w) => ({ op: 'split', handle: handle(w), page: page(w), pages: pages(w) }),
  collapse: (w) => ({ op: 'madvise', handle: handle(w), page: page(w), pages: pages(w), advice: 'collapse' }),
  reap: (w) => ({ op: 'reap', handle: handle(w), page: page(w), pages: pages(w) }),
}

/** Commands of a device thread's engine. */
export const DEVICE_THREAD_OPERATIONS: Readonly<Record<string, (words: Words) => ThreadOp>> = {
  dread: deviceSpan('dread'),
  dwrite: deviceWrite('dwrite'),
  dadd: deviceWrite('dadd'),
}

function without(names: readonly string[]): Record<string, (words: Words) => ScenarioOp> {
  return Object.fromEntries(Object.entries(OPERATIONS).filter(([name]) => !names.includes(name)))
}
