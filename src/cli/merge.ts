/** `hmm merge`: what the shards of a campaign found, added up. */
import type { ExploreDocument } from '../documents.ts'
import { merge } from '../merge.ts'
import { resultLines } from './explorelines.ts'
import { EXIT, Output } from './output.ts'
import { stressLines } from './stress.ts'

export async function mergeVerb(files: readonly string[], flags: { readonly json?: string }): Promise<number> {
  const output = new Output(flags.json)
  const { document, gaps } = merge(files)
  const lines = document.verb === 'explore' ? exploreLines(document) : stressLines(document)
  for (const line of [...lines, ...gaps]) output.say(line)
  output.write(document)
  if (!document.ok) return EXIT.finding
  const unsure = document.verb === 'explore' && document.scenarios.some(({ cut_off }) => cut_off > 0)
  return gaps.length > 0 || unsure ? EXIT.failure : EXIT.clean
}

function exploreLines({ shards, scenarios }: ExploreDocument): string[] {
  return [
    `${shards.parts.length} of ${shards.of} shards`,
    ...scenarios.flatMap((result) => resultLines(result, result.violation?.replay_file ?? null)),
  ]
}
