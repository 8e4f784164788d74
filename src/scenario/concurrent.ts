/**
 * The parser of concurrent scenario files: blocks at column 0, their lines indented.
 *
 *     scenario NAME            era E            notifier inline|dispatcher       timeouts off
 *     device D FAMILY [memory=PAGES] [policy=NAME or PATH] [copy-failures=SHARE]
 *     memory PAGES [swap=PAGES]
 *     allocations fail=SHARE
 *     setup                    operations of a sequential scenario, run alone; `=>` is checked
 *     thread NAME cpu|reclaim|dev D [proc K]    [LABEL:] OPERATION, or: after LABEL
 *     expect                   LABEL is R or R | outcome LABEL=R ... | final load H P is V or V | violation ORACLE
 *
 * A cpu thread runs on a cpu of its own, in process 0, or in one that the set-up forked; so does a reclaim thread, which takes memory away from it: pageout, move,
 * split, collapse, and reap, which never waits. `memory` bounds the pages of system memory, so that faults have to reclaim; there is
 * room to swap where something is put out, or as much as it says. A device thread runs on its device's engine. Values are 32-bit.
 */

import type { Expectation, OutcomePart } from '../../shared/actor/expectation.ts'
import type { ScenarioLine } from '../../shared/actor/ops.ts'
import { MAX_THREAD_OPS } from '../../shared/actor/stage.ts'
import type { ScenarioSubject, ScenarioThread } from '../../shared/actor/subject.ts'
import type { ThreadLine } from '../../shared/actor/threadops.ts'
import { DEFAULT_ERA, type Era } from '../../shared/hmm/era.ts'
import type { MirrorReclaim } from '../../shared/hmm/mirrorreclaim.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { ORACLES, type Oracle } from '../../shared/seam/violation.ts'
import {
  CPU_THREAD_OPERATIONS,
  DEVICE_THREAD_OPERATIONS,
  Place,
  parseLine,
  parseOperation,
  RECLAIM_THREAD_OPERATIONS,
} from './parse.ts'

export interface ScenarioDevice {
  readonly family: string
  readonly memoryPages: number
  /** Share of its copy engine's copies that fail. */
  readonly copyFailures?: number
  /** What its driver goes by, as it stands in the file. */
  readonly policy?: string
}

/** A parsed concurrent scenario (docs/scenarios.md). */
export interface ConcurrentScenario {
  readonly file: string
  readonly name: string
  readonly text: string
  readonly notify: 'dispatcher' | 'inline'
  readonly era: Era
  readonly timeoutsOff: boolean
  readonly mirrorReclaim: MirrorReclaim
  /** Pages of system memory, at most; null: as many as there are. */
  readonly systemPages: number | null
  /** Pages that can be swapped out. */
  readonly swapPages: number
  /** Share of the threads' allocations of kernel objects that fail. */
  readonly allocFailures: number
  readonly devices: readonly ScenarioDevice[]
  readonly subject: ScenarioSubject
  /** The scenario shows a known race: this oracle is to report it. */
  readonly expectViolation: Oracle | null
}

/** Parses the text of `file`. Throws InputError. */
export function parseConcurrent(file: string, text: string): ConcurrentScenario {
  return new ConcurrentParser(file, text).parse()
}

/**
 * The same scenario in another era. Its text says so too, so that what is recorded of it is all that was run; lines keep their
 * numbers.
 */
export function inEra(scenario: ConcurrentScenario, era: Era): ConcurrentScenario {
  const line = `era ${era}`
  const text = /^era\s.*$/m.test(scenario.text)
    ? scenario.text.replaceAll(/^era\s.*$/gm, line)
    : `${scenario.text.trimEnd()}\n${line}\n`
  return parseConcurrent(scenario.file, text)
}

type Block = (place: Place, line: string) => void
type ThreadKind = 'cpu' | 'reclaim' | 'dev'
const THREAD_OPERATIONS = {
  cpu: CPU_THREAD_OPERATIONS,
  reclaim: RECLAIM_THREAD_OPERATIONS,
  dev: DEVICE_THREAD_OPERATIONS,
} as const
/** Room for what is put out, where a scenario does not say. */
const SWAP_PAGES = 16

interface OpenThread {
  readonly name: string
  readonly on: 'cpu' | 'dev'
  /** What it may do. */
  readonly kind: ThreadKind
  readonly index: number
  readonly process: number
  readonly place: Place
  readonly lines: (Omit<ThreadLine, 'op'> & { op: ThreadLine['op'] | { op: 'after'; label: string } })[]
}

class ConcurrentParser {
  private readonly file: string
  private readonly text: string
  private name = ''
  private notify: 'dispatcher' | 'inline' = 'dispatcher'
  private era: Era = DEFAULT_ERA
  private timeoutsOff = false
  private mirrorReclaim: MirrorReclaim = 'immediate'
  private systemPages: number | null = null
  private swapPages: number | null = null
  private allocFailures = 0
  private expectViolation: Oracle | null = null
  private readonly devices = new Map<number, ScenarioDevice>()
  private readonly setup: ScenarioLine[] = []
  private readonly threads: OpenThread[] = []
  private readonly labels = new Map<string, number>()
  private readonly expectations: { place: Place; line: string }[] = []
  private block: Block | null = null
  private operations = 0

  constructor(file: string, text: string) {
    this.file = file
    this.text = text
  }

  parse(): ConcurrentScenario {
    this.text.split('\n').forEach((raw, i) => {
      const line = raw.trim()
      if (line === '' || line.startsWith('#')) return
      const place: Place = new Place(this.file, i + 1)
      if (/^\s/.test(raw)) {
        if (this.block === null) place.fail('this line belongs to no block: setup, thread or expect comes first')
        this.block?.(place, line)
      } else this.header(place, line.split(/\s+/))
    })
    const place: Place = new Place(this.file, 0)
    if (this.name === '') place.fail('the scenario has no name: the first line is "scenario NAME"')
    if (this.threads.length === 0) place.fail('the scenario has no thread')
    if (this.timeoutsOff && this.mirrorReclaim === 'delayed')
      place.fail('with delayed mirror-reclaim time must go on: timeouts cannot be off')
    if (this.operations > MAX_THREAD_OPS) place.fail(`the threads have ${this.operations} operations, at most ${MAX_THREAD_OPS}`)
    return {
      file: this.file,
      name: this.name,
      text: this.text,
      notify: this.notify,
      era: this.era,
      timeoutsOff: this.timeoutsOff,
      mirrorReclaim: this.mirrorReclaim,
      allocFailures: this.allocFailures,
      systemPages: this.systemPages,
      swapPages: this.swapPages ?? (this.putsOut() ? SWAP_PAGES : 0),
      devices: this.deviceList(place),
      subject: {
        kind: 'scenario',
        setup: this.setup,
        threads: this.threads.map((thread) => this.closeThread(thread)),
        opens: [...this.devices.keys()].sort((a, b) => a - b),
        expect: this.expectations.flatMap(({ place: at, line }) => this.expectation(at, line)),
      },
      expectViolation: this.expectViolation,
    }
  }

  private header(place: Place, words: readonly string[]): void {
    const [first, ...rest] = words
    this.block = null
    switch (first) {
      case 'scenario':
        if (rest.length !== 1) place.fail('scenario takes one NAME')
        this.name = rest[0] as string
        return
      case 'era':
        if (rest.length !== 1 || !(ERAS_THERE as readonly string[]).includes(rest[0] as string))
          place.fail(`there is no era ${JSON.stringify(rest.join(' '))}; there are: ${ERAS_THERE.join(', ')}`)
        this.era = rest[0] as Era
        return
      case 'notifier':
        if (rest[0] !== 'inline' && rest[0] !== 'dispatcher') place.fail('notifier is inline or dispatcher')
        this.notify = rest[0] as 'inline' | 'dispatcher'
        return
      case 'mirror-reclaim':
        if (rest[0] !== 'immediate' && rest[0] !== 'delayed') place.fail('mirror-reclaim is immediate or delayed')
        this.mirrorReclaim = rest[0] as MirrorReclaim
        return
      case 'memory':
        this.memory(place, rest)
        return
      case 'allocations':
        if (!/^fail=(0|1|0?\.\d+)$/.test(rest.join(' '))) place.fail('allocations is: allocations fail=SHARE, from 0 to 1')
        this.allocFailures = Number(rest[0]?.slice('fail='.length))
        return
      case 'timeouts':
        if (rest[0] !== 'off') place.fail('timeouts can only be off')
        this.timeoutsOff = true
        return
      case 'device':
        this.device(place, rest)
        return
      case 'setup':
        this.block = (at, line) => this.setup.push(parseLine(at, line))
        return
      case 'thread':
        this.thread(place, rest)
        return
      case 'expect':
        this.block = (at, line) => this.expect(at, line)
        if (rest.length > 0) this.expect(place, rest.join(' '))
        return
      default:
        place.fail(
          `unknown block ${JSON.stringify(first)}; there are scenario, era, notifier, mirror-reclaim, memory, allocations, timeouts, device, setup, thread and expect`,
        )
    }
  }

  private memory(place: Place, [pages, ...settings]: readonly string[]): void {
    if (pages === undefined || !/^[1-9]\d{0,6}$/.test(pages)) place.fail('memory is: memory PAGES, or memory PAGES swap=PAGES')
    const swap = settings.length === 0 ? null : /^swap=(\d{1,6})$/.exec(settings.join(' '))
    if (settings.length > 0 && swap === null) place.fail(`memory takes swap=PAGES, not ${JSON.stringify(settings.join(' '))}`)
    this.systemPages = Number(pages)
    this.swapPages = swap === null ? SWAP_PAGES : Number(swap[1])
  }

  /** Does anything go to swap without the scenario saying how much room there is? */
  private putsOut(): boolean {
    const ops = [...this.setup, ...this.threads.flatMap(({ lines }) => lines)].map(({ op }) => op)
    return ops.some((op) => op.op === 'putout' || (op.op === 'madvise' && op.advice === 'pageout'))
  }

  private device(place: Place, [number, family, ...settings]: readonly string[]): void {
    if (number === undefined || !/^[0-7]$/.test(number)) place.fail('device needs a number from 0 to 7')
    if (family === undefined) place.fail('device needs a FAMILY')
    const made: { family: string; memoryPages: number; policy?: string; copyFailures?: number } = {
      family: family as string,
      memoryPages: 0,
    }
    for (const setting of settings) {
      const [, memory, policy, failures] = /^(?:memory=(\d+)|policy=(.+)|copy-failures=(0|1|0?\.\d+))$/.exec(setting) ?? []
      if (memory !== undefined) made.memoryPages = Number(memory)
      else if (policy !== undefined) made.policy = policy
      else if (failures !== undefined) made.copyFailures = Number(failures)
      else place.fail(`a device takes memory=PAGES, policy=NAME and copy-failures=SHARE, not ${JSON.stringify(setting)}`)
    }
    if (this.devices.has(Number(number))) place.fail(`device ${number} is there already`)
    this.devices.set(Number(number), made)
  }

  private thread(place: Place, words: readonly string[]): void {
    const inProcess = words.at(-2) === 'proc'
    const process = inProcess ? Number(words.at(-1)) : 0
    if (inProcess && !/^[0-3]$/.test(words.at(-1) as string))
      place.fail(`a process has a number from 0 to 3, not ${words.at(-1)}`)
    const [name, kind, ...rest] = inProcess ? words.slice(0, -2) : words
    if (name === undefined || (kind !== 'cpu' && kind !== 'dev' && kind !== 'reclaim'))
      place.fail('a thread is: thread NAME cpu, thread NAME reclaim, or thread NAME dev D')
    const cpus = this.threads.filter(({ on }) => on === 'cpu').length
    const on = kind === 'dev' ? 'dev' : 'cpu'
    const index = on === 'cpu' ? cpus : Number(rest[0])
    if (rest.length !== (on === 'cpu' ? 0 : 1))
      place.fail(on === 'cpu' ? `thread NAME ${kind} takes nothing else` : 'thread NAME dev takes a device')
    if (kind === 'dev' && !this.devices.has(index)) place.fail(`there is no device ${rest[0]}`)
    if (this.threads.some((one) => one.name === name)) place.fail(`there is a thread ${name} already`)
    if (kind === 'dev' && this.threads.some((one) => one.on === 'dev' && one.index === index))
      place.fail(`device ${index} has a thread already: an engine executes one command at a time`)
    const thread: OpenThread = { name: name as string, on, kind: kind as ThreadKind, index, process, place, lines: [] }
    this.threads.push(thread)
    this.block = (at, line) => this.threadLine(thread, at, line)
  }

  private threadLine(thread: OpenThread, place: Place, text: string): void {
    if (text.includes(' => ')) place.fail('a thread has no recorded answers: what is expected stands in the block expect')
    const index = this.operations++
    const after = /^after\s+(\w+)$/.exec(text)
    if (after !== null) {
      thread.lines.push({ line: place.line, index, op: { op: 'after', label: after[1] as string } })
      return
    }
    const [, label, line = ''] = /^(?:(\w+):\s*)?(.*)$/.exec(text) ?? []
    if (label !== undefined) {
      if (this.labels.has(label)) place.fail(`there is a label ${label} already`)
      this.labels.set(label, index)
    }
    const op = parseOperation(place, line, THREAD_OPERATIONS[thread.kind])
    if (thread.on === 'dev' && 'device' in op && op.device !== thread.index)
      place.fail(`this thread is the engine of device ${thread.index}, not of device ${op.device}`)
    if ('device' in op && !this.devices.has(op.device)) place.fail(`there is no device ${op.device}`)
    if (op.op === 'mmap' && op.kind !== 'private') place.fail('a thread maps private memory only')
    if (op.op === 'mmap' && this.isMapped(op.handle))
      place.fail(`a thread maps a handle of its own: ${op.handle} is mapped already`)
    if ('value' in op && op.value >= 1n << 32n) place.fail('values in a concurrent scenario have 32 bits')
    thread.lines.push({ line: place.line, index, op, ...(label === undefined ? {} : { label }) })
  }

  private isMapped(handle: string): boolean {
    const ops = [...this.setup, ...this.threads.flatMap(({ lines }) => lines)].map(({ op }) => op)
    return ops.some((op) => op.op === 'mmap' && op.handle === handle)
  }

  private closeThread(thread: OpenThread): ScenarioThread {
    this.checkEnds(thread)
    const { name, on, index, process, lines } = thread
    return {
      name,
      on,
      index,
      process,
      lines: lines.map((line) => {
        if (line.op.op !== 'after' || !('label' in line.op)) return line as ThreadLine
        return { ...line, op: { op: 'after', index: this.labelled(new Place(this.file, line.line), line.op.label) } }
      }),
    }
  }

  /** What a thread ends, no other thread may be in the middle of: the kernel would count its users, a scenario does not. */
  private checkEnds(thread: OpenThread): void {
    for (const { line, op } of thread.lines) {
      const place = new Place(this.file, line)
      if (op.op === 'exit' && this.threads.some(({ on, process }) => on === 'cpu' && process === op.process))
        place.fail(`process ${op.process} has a cpu thread: it lives until the thread is done`)
      if (op.op !== 'close') continue
      const others = this.threads.filter((one) => one !== thread && one.on === 'cpu' && one.process === thread.process)
      if (others.some(({ lines }) => lines.some((one) => 'device' in one.op && one.op.device === op.device)))
        place.fail(`device ${op.device} is closed here, and another thread of the process has commands for it`)
    }
  }

  private labelled(place: Place, label: string): number {
    const index = this.labels.get(label)
    if (index === undefined) place.fail(`there is no operation labelled ${label}`)
    return index as number
  }

  private expect(place: Place, line: string): void {
    const violation = /^(?:expect\s+)?violation\s+(\w+)$/.exec(line)
    if (violation === null) {
      this.expectations.push({ place, line })
      return
    }
    const oracle = violation[1] as string
    if (!(oracle in ORACLES)) place.fail(`there is no oracle ${oracle}; there are ${Object.keys(ORACLES).join(', ')}`)
    this.expectViolation = oracle as Oracle
  }

  private expectation(place: Place, text: string): Expectation[] {
    const { line } = place
    const final = /^final load ([A-Z]) (\d+) is (.+)$/.exec(text)
    if (final !== null) {
      const [, handle, page, results] = final as unknown as [string, string, string, string]
      return [{ kind: 'final', line, handle, page: Number(page), results: alternatives(results) }]
    }
    const is = /^(\w+) is (.+)$/.exec(text)
    if (is !== null) {
      const [, label, results] = is as unknown as [string, string, string]
      return [{ kind: 'is', line, label, index: this.labelled(place, label), results: alternatives(results) }]
    }
    if (!text.startsWith('outcome '))
      place.fail('expect takes: LABEL is R, outcome LABEL=R, final load H P is V, violation ORACLE')
    const parts: OutcomePart[] = []
    for (const word of text.split(/\s+/).slice(1)) {
      const [label = '', result = ''] = word.split(/=(.*)/)
      if (this.labels.has(label)) parts.push({ label, index: this.labelled(place, label), result })
      else if (parts.length === 0) place.fail(`there is no operation labelled ${label}`)
      else {
        const last = parts.pop() as OutcomePart // a field of the result before it
        parts.push({ ...last, result: `${last.result} ${word}` })
      }
    }
    return [{ kind: 'outcome', line, parts }]
  }

  private deviceList(place: Place): ScenarioDevice[] {
    return [...this.devices.keys()]
      .sort((a, b) => a - b)
      .map((number, i) => {
        if (number !== i) place.fail(`devices are numbered from 0 without a gap: there is no device ${i}`)
        return this.devices.get(number) as ScenarioDevice
      })
  }
}

function alternatives(text: string): string[] {
  return text.split(/\s+or\s+/).map((one) => one.trim())
}
