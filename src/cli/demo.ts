/** `hmm demo`: a race found, the same without it clean, a load clean; told so that it fits on a terminal of 110 columns. */
import { type DemoResult, demo } from '../demo.ts'
import { document } from '../documents.ts'
import type { ExploreResult } from '../explore.ts'
import type { Race } from '../races/race.ts'
import type { StressProgress } from '../stressfigures.ts'
import { inDocument } from './exploredocument.ts'
import { EXIT, grouped, interruptSignal, Output, wrapped } from './output.ts'
import { stressLines } from './stress.ts'

export interface DemoFlags {
  readonly json?: string
  readonly seed: number
}

/** Nothing that the demo prints is wider. */
const WIDTH = 110

export async function demoVerb(flags: DemoFlags): Promise<number> {
  const output = new Output(flags.json)
  const result = await showDemo(output, flags.seed, interruptSignal())
  const exit = demoExit(result)
  const { found, fixed, ...rest } = result
  output.write(
    document('demo', exit === EXIT.clean, {
      ...rest,
      ...(found === undefined ? {} : { found: inDocument(found, null) }),
      ...(fixed === undefined ? {} : { fixed: inDocument(fixed, null) }),
    }),
  )
  return exit
}

/** Runs the demo and tells it as it goes. */
export async function showDemo(output: Output, seed: number, signal: AbortSignal): Promise<DemoResult> {
  const say = (lines: readonly string[]) => {
    for (const line of lines) for (const part of wrapped(line, WIDTH)) output.say(part)
  }
  const result = await demo({
    seed,
    signal,
    onRace: (race) => say(raceLines(race)),
    onFound: (found) => say(foundLines(found)),
    onFixed: (fixed) => say(fixedLines(fixed)),
    onProgress: (now) => output.progress(progressLine(now)),
    onLoad: (load) => say([...stressLines(load).map((line) => `  ${line}`), '']),
  })
  say(endLines(result))
  return result
}

/** 0: found, fixed and clean. 1: a violation where none may be. 3: it could not tell. */
export function demoExit({ found, fixed, load, interrupted }: DemoResult): number {
  if (fixed?.violation !== undefined || (load?.violations.length ?? 0) > 0) return EXIT.finding
  return found?.violation !== undefined && fixed?.complete === true && !interrupted ? EXIT.clean : EXIT.failure
}

function raceLines(race: Race): string[] {
  return [
    `A race that drivers had: ${race.history}`,
    `  as it must be  ${race.correct}`,
    `  the mistake    ${race.fault}`,
    'One cpu takes a page away while a device writes to it. A scheduler chooses who moves, schedule after schedule:',
    '',
  ]
}

function foundLines({ violation, schedules, seconds, interrupted }: ExploreResult): string[] {
  const tried = `${grouped(schedules)} schedule${schedules === 1 ? '' : 's'} in ${seconds.toFixed(1)} s`
  if (violation === undefined) return [`  not found in ${tried}${interrupted ? ': ended early' : ''}`, '']
  return [
    `  found by ${tried}; shrunk to ${violation.operations} operations and ${violation.preemptions} preemption${violation.preemptions === 1 ? '' : 's'}; replayed, and the same`,
    '',
    ...violation.table.split('\n'),
    '',
    'The cause, from top to bottom: between its look at the sequence and the update lock the fault service stood',
    'still; the invalidation stored its sequence and found nothing mapped; what was installed then is a page that',
    'the kernel has taken back.',
    '',
    'The same scenario with the lock taken first:',
    '',
  ]
}

function fixedLines(result: ExploreResult): string[] {
  const { violation, schedules, seconds, complete } = result
  if (violation !== undefined) return [`  NOT clean: ${violation.oracle}: ${violation.message}`, '']
  const which = complete ? 'all there are with at most one preemption, which is what the race needs' : 'not all of them'
  return [
    `  clean: ${grouped(schedules)} schedules in ${seconds.toFixed(1)} s, ${which}`,
    '',
    'And on real threads, every access checked:',
    '',
  ]
}

function progressLine(now: StressProgress): string {
  return `  ${now.seconds.toFixed(0).padStart(3)} s  ${grouped(now.operations)} operations  ${grouped(now.faults)} device faults  ${grouped(now.invalidations)} invalidations`
}

function endLines(result: DemoResult): string[] {
  const exit = demoExit(result)
  const verdict = {
    [EXIT.clean]: 'the race was found; without it nothing was, in those schedules and under load.',
    [EXIT.finding]: 'a violation where none may be: this is a bug of hmm-runtime.',
    [EXIT.failure]: result.interrupted ? 'ended early.' : 'the race was not found, or not all schedules were seen.',
  }[exit]
  return [
    `demo: ${verdict}`,
    'next:',
    '  hmm new driver my-gpu --lesson          a driver with one mistake in it: find it, mend it, see it clean',
    `  hmm explore --bug ${result.bug}  this race again, with a replay file`,
    '  hmm bugs                                the races that drivers and the core have had',
  ]
}
