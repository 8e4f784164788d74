/** Which campaign is this? A hash of all that decides what is found: shards that are to be added up must have it in common. */
import type { CampaignSubject, LaneSetup } from './lane.ts'
import { buildHash, hashOf } from './recording.ts'
import { prepareScenario } from './subjects.ts'

/** Equal for two runs if, and only if, they run schedules of the same campaign with the same code. Where files lie does not count. */
export function campaignHash(setup: LaneSetup, schedules: number): string {
  const { subjects, strategy, teardownEvery, bug, drivers } = setup
  const [first] = subjects
  const build =
    first !== undefined && 'scenario' in first ? prepareScenario(first.scenario, drivers).recorded.build : buildHash([])
  const said = { build, schedules, strategy, teardownEvery, bug, subjects: subjects.map(textOf) }
  return hashOf(JSON.stringify(said))
}

function textOf(subject: CampaignSubject): unknown {
  return 'scenario' in subject ? [subject.scenario.name, subject.scenario.text] : subject.actors
}
