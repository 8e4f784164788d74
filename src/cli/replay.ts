/** `hmm replay`: a recorded schedule again, to the byte. */
import { document } from '../documents.ts'
import { type ReplayResult, replay } from '../replay.ts'
import { EXIT, Output } from './output.ts'

export interface ReplayFlags {
  readonly json?: string
  readonly scenario?: string
  readonly until?: number
  readonly state?: boolean
}

export async function replayVerb(fileOrToken: string, flags: ReplayFlags): Promise<number> {
  const output = new Output(flags.json)
  const result = await replay(fileOrToken, {
    ...(flags.scenario === undefined ? {} : { scenario: flags.scenario }),
    ...(flags.until === undefined ? {} : { until: flags.until }),
  })
  for (const line of replayLines(result, flags.state === true)) output.say(line)
  output.write(document('replay', result.violation === null, result))
  if (!result.same) return EXIT.failure
  return result.violation === null ? EXIT.clean : EXIT.finding
}

/** The result as people read it. */
export function replayLines(result: ReplayResult, state: boolean): string[] {
  return [
    `${result.name}: ${result.steps} points, trace ${result.trace}, ${result.same ? 'the same run' : 'NOT the run that was recorded'}`,
    '',
    result.table,
    ...(state
      ? [
          '',
          'at the end:',
          ...result.state.map((line) => `  ${line}`),
          ...result.answers.map(({ operation, answer }) => `  ${operation}: ${answer ?? 'not done'}`),
        ]
      : []),
  ]
}
