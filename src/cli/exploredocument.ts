/** A result of explore as documents have it: without what only replay needs. */
import type { ExploreResult } from '../explore.ts'

/** `file`: the replay file that was written, if one was. */
export function inDocument(result: ExploreResult, file: string | null): object {
  const { violation, ...rest } = result
  if (violation === undefined) return rest
  const { recording: _recording, violation: _violation, ...find } = violation
  return { ...rest, violation: { ...find, ...(file === null ? {} : { replay_file: file }) } }
}
