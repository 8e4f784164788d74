/**
 * Random scenarios against the model: a machine plays them, the model judges every answer, the reference audit looks at what is
 * left. A scenario that fails is shrunk, and told as a `.scn` text up to the line that differs.
 */
import fc from 'fast-check'
import { RunFailure } from '../../src/failure.ts'
import type { Machine } from '../../src/machine.ts'
import { type Played, playScenario } from '../../src/run/lane.ts'
import { parseSequential, type SequentialScenario } from '../../src/scenario/parse.ts'
import { scenarioText, steps } from './generate.ts'
import { Model } from './model.ts'

export interface RandomRun {
  readonly seed: number
  readonly count: number
  /** Steps of a scenario, apart from its first mappings and the reading at its end. */
  readonly longest: number
  /** Boots a machine: for the first scenario, and after one that a machine did not survive. */
  readonly boot: () => Promise<Machine>
  /** The model to compare with. Default: the true one. */
  readonly model?: () => Model
}

export interface RandomOutcome {
  readonly scenarios: number
  readonly operations: number
  /** The shrunk scenario, with answers, and what is wrong with the last of them; null when nothing is. */
  readonly counterexample: string | null
}

/** Plays `count` scenarios, or as many as it takes to find one that fails, which is then shrunk. */
export async function runRandom(run: RandomRun): Promise<RandomOutcome> {
  const player = new Player(run)
  let scenarios = 0
  let fault: string | null = null
  try {
    const property = fc.asyncProperty(steps(run.longest), async (list) => {
      scenarios++
      const judged = await player.play(scenarioText(list))
      fault = judged.fault ?? fault
      return judged.fault === null
    })
    const details = await fc.check(property, { seed: run.seed, numRuns: run.count })
    const { operations } = player
    if (!details.failed) return { scenarios, operations, counterexample: null }
    const [found] = details.counterexample ?? []
    const shortened = found === undefined ? null : await player.shorten(scenarioText(found))
    return { scenarios, operations, counterexample: shortened ?? `${fault}\n# (this did not happen again)` }
  } finally {
    await player.close()
  }
}

/** One machine, recycled from scenario to scenario. */
class Player {
  operations = 0
  private readonly run: RandomRun
  private machine: Machine | null = null

  constructor(run: RandomRun) {
    this.run = run
  }

  async play(text: string): Promise<Judged> {
    const scenario = parseSequential('random.scn', text)
    const machine = await this.freshMachine()
    let played: Played
    try {
      played = await playScenario(machine, scenario)
    } catch (error) {
      if (!(error instanceof RunFailure)) throw error
      return { fault: `${text}\n# ${error.message}`, senseless: false }
    }
    this.operations += played.answers.length
    return judge(text.split('\n'), scenario.lines, played, this.run.model?.() ?? new Model())
  }

  /** Leaves out every line of a scenario that fails without which it still fails. Returns what is told of the rest. */
  async shorten(text: string): Promise<string | null> {
    let lines = text.split('\n')
    let { fault } = await this.play(text)
    for (let i = lines.length - 1; i >= 0 && lines.length > 1; i--) {
      const fewer = lines.filter((_, at) => at !== i)
      const judged = await this.play(fewer.join('\n'))
      if (judged.fault === null || judged.senseless) continue
      lines = fewer
      fault = judged.fault
    }
    return fault
  }

  async close(): Promise<void> {
    await this.machine?.close()
  }

  private async freshMachine(): Promise<Machine> {
    if (this.machine?.reusable === true) {
      this.machine.reset()
      return this.machine
    }
    await this.machine?.close()
    this.machine = await this.run.boot()
    return this.machine
  }
}

interface Judged {
  /** The scenario with its answers and what is wrong, or null. */
  readonly fault: string | null
  /** It uses what it did not map. The generator makes no such scenario. */
  readonly senseless: boolean
}

function judge(text: readonly string[], lines: SequentialScenario['lines'], played: Played, model: Model): Judged {
  const told: string[] = []
  for (const [i, { got }] of played.answers.entries()) {
    const line = lines[i]
    const verdict = line === undefined ? null : model.judge(line.op, got)
    told.push(`${text[i]} => ${got}`)
    if (verdict !== null)
      return { fault: [...told, `# line ${told.length}: the model says ${verdict}`].join('\n'), senseless: false }
  }
  const { problem, audit } = played
  const wrong = problem === undefined ? audit : [`line ${problem.line}: ${problem.message}`]
  if (wrong.length === 0) return { fault: null, senseless: false }
  const fault = [...(told.length === 0 ? text : told), ...wrong.map((one) => `# ${one}`)].join('\n')
  return { fault, senseless: problem !== undefined }
}
