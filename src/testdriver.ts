/**
 * `testDriver`: does a driver keep the contract (shared/device/contract.ts)? Whatever the driver is: it is opened and closed in every
 * order, it meets every change of an address space in explored schedules, and it is put under load. What it exports says which checks
 * mean something; what it does wrong is in the report, and never an exception.
 *
 *   for each era that the driver runs in
 *       it is loaded                          everybody
 *       courses: opened and closed            everybody; with use, what can be used      (shared/actor/lifecycle.ts)
 *       answers, one thread                   who serves faults                          (testdriver/scenarios.ts)
 *       meetings, by PCT                      who serves faults; takes jobs; moves pages
 *       stress, with memory taken back        everybody
 */
import type { Course } from '../shared/actor/lifecycle.ts'
import type { DriverFacts } from '../shared/device/registry.ts'
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import { ERAS_THERE } from '../shared/hmm/protocol.ts'
import { HmmError } from '../shared/seam/error.ts'
import { driverUrl, FAMILIES } from './drivers.ts'
import { explore } from './explore.ts'
import { stress } from './stress.ts'
import { CourseMachine } from './testdriver/machine.ts'
import { MEETINGS, type Meeting, type Need, scenarioOf, UNDER_TEST } from './testdriver/scenarios.ts'

/** How thoroughly a driver is tested. */
export interface TestDriverOptions {
  /** Eras to run in. Default: all; `events` only for a driver with update(). */
  readonly eras?: readonly Era[]
  /** Explored schedules of each meeting, in each era; 0: none. Default 200. */
  readonly schedules?: number
  /** Seconds under load, in each era; 0: none. Default 2. */
  readonly seconds?: number
  readonly seed?: number
  /** Only checks whose names match, and that it is loaded. Default: all. */
  readonly only?: RegExp
  /** Called for each check, in order, as soon as it is done. */
  readonly onCheck?: (check: DriverCheck) => void
  /** Ends the test early when aborted: the report has the checks that were done until then. */
  readonly signal?: AbortSignal
}

/** One question to the driver, and how it went. */
export interface DriverCheck {
  readonly name: string
  readonly era: Era
  readonly ok: boolean
  /** What is wrong, in a sentence. */
  readonly message?: string
  /** A find of the explorer: `hmm replay TOKEN` shows it again. And its interleaving, to be printed. */
  readonly token?: string
  readonly table?: string
  /** A find under load: a scenario for `hmm explore` with the last operations on its page. Its device is `svm`. */
  readonly scenario?: string
}

/** How a driver did in all checks. */
export interface DriverReport {
  /** Its own name; where it is, for one that could not be loaded. */
  readonly driver: string
  /** Every check is. */
  readonly ok: boolean
  readonly checks: readonly DriverCheck[]
}

/**
 * Tests the driver at `url`: a module URL, a path, or the name of a family. Throws HmmError for options out of bounds or a path at which
 * there is nothing; whatever the driver does is in the report.
 */
export async function testDriver(url: string, options: TestDriverOptions = {}): Promise<DriverReport> {
  checkOptions(options)
  const suite = new Suite(url, options)
  const [first = DEFAULT_ERA] = options.eras ?? []
  const facts = await suite.runEra(first)
  for (const era of facts === null ? [] : (options.eras ?? erasOf(facts)).slice(1)) await suite.runEra(era)
  return { driver: facts?.name ?? url, ok: suite.checks.every(({ ok }) => ok), checks: suite.checks }
}

const DEFAULT_SCHEDULES = 200
/** Of a meeting with nobody: services and dispatchers are all that can be in another order. */
const SINGLE_SCHEDULES = 5
const DEFAULT_SECONDS = 2
/** More than any driver allocates while it is opened. */
const MOST_ALLOCATIONS = 1000

const NAMES: Readonly<Record<Course, string>> = {
  twice: 'opened and closed, twice',
  'space-first': 'closed after its address space has ended',
  scarce: 'opened while memory is short',
  used: 'closed with pages that the device has',
  busy: 'closed while the device faults',
  command: 'refuses an unknown command',
}
const LOADED = 'is loaded, and is a driver'
const UNDER_LOAD = 'under load, while memory is taken back'

/** What a check came to: nothing wrong, or what. */
type Verdict = Omit<DriverCheck, 'name' | 'era' | 'ok'>
const FINE: Verdict = {}

class Suite {
  readonly checks: DriverCheck[] = []
  /** As the core names it. */
  private readonly url: string
  /** As a scenario may name it. */
  private readonly driver: string
  private readonly options: TestDriverOptions
  private readonly seed: number

  constructor(url: string, options: TestDriverOptions) {
    this.url = driverUrl(url)
    this.driver = (FAMILIES as readonly string[]).includes(url) ? url : this.url
    this.options = options
    this.seed = options.seed ?? 1
  }

  /** All checks of an era. What the driver is; null, and no more checks, if it could not be loaded. */
  async runEra(era: Era): Promise<DriverFacts | null> {
    const machine = new CourseMachine(this.url, era, this.seed)
    const known = await this.courses(era, machine).finally(() => machine.close())
    if (known === null) return null
    const meetings = this.options.schedules === 0 ? [] : MEETINGS.filter(({ needs }) => known.abilities.has(needs))
    for (const meeting of meetings) await this.check(meeting.name, era, () => this.explored(meeting, era))
    if (this.options.seconds !== 0) await this.check(UNDER_LOAD, era, () => this.stressed(era))
    return known.facts
  }

  /** Loads it, finds out what it can do, and runs the courses that mean something then. */
  private async courses(era: Era, machine: CourseMachine): Promise<{ facts: DriverFacts; abilities: ReadonlySet<Need> } | null> {
    let loaded: DriverFacts | undefined
    await this.check(LOADED, era, async () => {
      loaded = (await machine.fresh()).drivers[0]
      return FINE
    })
    const facts = loaded as DriverFacts | undefined // assigned in a call, which types do not follow
    if (facts === undefined) return null
    const abilities = await abilitiesOf(machine, facts)
    const courses: Course[] = ['twice', 'space-first', 'scarce']
    if (abilities.has('faults') || abilities.has('jobs')) courses.push('used')
    if (abilities.has('faults')) courses.push('busy')
    if (facts.calls.includes('ioctl')) courses.push('command')
    for (const course of courses)
      await this.check(NAMES[course], era, () => (course === 'scarce' ? scarce(machine) : plain(machine, course)))
    return { facts, abilities }
  }

  private async explored(meeting: Meeting, era: Era): Promise<Verdict> {
    const schedules = this.options.schedules ?? DEFAULT_SCHEDULES
    const result = await explore({
      scenario: scenarioOf(meeting, era),
      drivers: { [UNDER_TEST]: this.driver },
      schedules: meeting.single === true ? Math.min(SINGLE_SCHEDULES, schedules) : schedules,
      seed: this.seed,
      jobs: 1,
      teardownEvery: 1,
      ...this.early,
    })
    const { violation, cut_off: cutOff } = result
    if (violation !== undefined) {
      const { oracle, message, token, table } = violation
      return { message: `${oracle}: ${message}`, token, table }
    }
    if (cutOff === 0) return FINE
    return { message: `${cutOff} of ${result.schedules + cutOff} schedules did not come to an end, and tell nothing` }
  }

  private async stressed(era: Era): Promise<Verdict> {
    const { violations, aftermath } = await stress({
      devices: [this.driver, this.driver],
      seconds: this.options.seconds ?? DEFAULT_SECONDS,
      reclaimers: 1,
      era,
      seed: this.seed,
      ...this.early,
    })
    const [first] = violations
    if (first === undefined) return FINE
    return {
      message: `${first.oracle}: ${first.message}`,
      ...(aftermath === undefined ? {} : { scenario: aftermath.scenario }),
    }
  }

  private get early(): Pick<TestDriverOptions, 'signal'> {
    const { signal } = this.options
    return signal === undefined ? {} : { signal }
  }

  private get aborted(): boolean {
    return this.options.signal?.aborted === true
  }

  /** A run that failed is the driver's fault as well as a find: it has a sentence that says whose. */
  private async check(name: string, era: Era, run: () => Promise<Verdict>): Promise<void> {
    const { only } = this.options
    if (this.aborted || (only !== undefined && name !== LOADED && name.search(only) < 0)) return
    const verdict = await run().catch((error: unknown) => {
      if (error instanceof HmmError) return { message: error.message }
      throw error
    })
    if (this.aborted && verdict.message === undefined) return // it was not carried through
    const check = { name, era, ok: verdict.message === undefined, ...verdict }
    this.checks.push(check)
    this.options.onCheck?.(check)
  }
}

/** What it can do. Of commands only a try tells; one that goes wrong is found where it is checked. */
async function abilitiesOf(machine: CourseMachine, { calls }: DriverFacts): Promise<ReadonlySet<Need>> {
  const abilities = new Set<Need>(calls.includes('serviceFault') ? ['faults'] : [])
  if (!calls.includes('ioctl')) return abilities
  const [, bound, submitted] = await machine.ask(['mmap A 1 rw private', 'bind 0 A 0 1 rw', 'submit 0 A 0 1 1'])
  if (bound === 'ok' && (submitted === 'ok' || submitted === 'EAGAIN')) abilities.add('jobs')
  const [, , moved] = await machine.ask(['mmap A 1 rw private', 'store A 0 7', 'migrate_dev 0 A 0 1'])
  if (moved?.startsWith('ok') === true) abilities.add('moves')
  return abilities
}

async function plain(machine: CourseMachine, course: Course): Promise<Verdict> {
  const { wrong } = await machine.course({ kind: 'lifecycle', course })
  return wrong === null ? FINE : { message: wrong }
}

/** Each allocation of the opening fails once: the first, the second, up to where none is left to fail. */
async function scarce(machine: CourseMachine): Promise<Verdict> {
  for (let failing = 1; failing <= MOST_ALLOCATIONS; failing++) {
    const { wrong, failed } = await machine.course({ kind: 'lifecycle', course: 'scarce', failing })
    if (wrong !== null) return { message: failed ? `with allocation ${failing} failing: ${wrong}` : wrong }
    if (!failed) return FINE
  }
  return { message: `it makes more than ${MOST_ALLOCATIONS} allocations while it is opened` }
}

function erasOf({ calls }: DriverFacts): Era[] {
  const others = ERAS_THERE.filter((era) => era !== DEFAULT_ERA && (era !== 'events' || calls.includes('update')))
  return [DEFAULT_ERA, ...others]
}

function checkOptions({ eras, schedules = DEFAULT_SCHEDULES, seconds = DEFAULT_SECONDS, seed = 1 }: TestDriverOptions): void {
  const strange = eras?.find((era) => !ERAS_THERE.includes(era))
  const problem =
    strange !== undefined
      ? `there is no era ${JSON.stringify(strange)}; there are: ${ERAS_THERE.join(', ')}`
      : eras?.length === 0
        ? 'a driver is tested in one era at least'
        : !Number.isInteger(schedules) || schedules < 0
          ? `the number of schedules is a whole number, not ${schedules}`
          : !(seconds >= 0 && seconds <= MOST_SECONDS)
            ? `a driver is under load for 0 to ${MOST_SECONDS} seconds, not ${seconds}`
            : !Number.isInteger(seed) || seed < 0 || seed > 0xffffffff
              ? `a seed is a whole number from 0 to ${0xffffffff}, not ${seed}`
              : null
  if (problem !== null) throw new HmmError('HMM_ERR_USAGE', problem)
}

const MOST_SECONDS = 86_400
