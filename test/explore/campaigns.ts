/** What the tests of campaigns have in common: two small subjects, and results without what may differ. */
import { fileURLToPath } from 'node:url'
import { type CampaignResult, type ExploreDocument, parseConcurrent } from '../../src/index.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

/** One cpu operation and two device accesses. */
export const SCENARIO = fileURLToPath(new URL('../../../test/explore/scenarios/drop-during-device-read.scn', import.meta.url))

/** One access of a cpu and one of a device: few schedules are all there are. */
export const ADDING = parseConcurrent(
  'adding.scn',
  `scenario adding
device 0 svm
setup
  mmap A 1 rw private
thread cpu0 cpu
  add A 0 1
thread gpu dev 0
  dadd 0 A 0 1 1
expect
  final load A 0 is 2
`,
)

/** A driver of test/drivers in the place of svm. */
export function faulty(name: string): { readonly svm: string } {
  return { svm: fileURLToPath(new URL(`../drivers/${name}${extension}`, import.meta.url)) }
}

/** Without what may differ: how long it took. */
export function timeless({ scenarios, ...rest }: CampaignResult | ExploreDocument): object {
  return {
    ...rest,
    scenarios: scenarios.map((one) => ({
      ...one,
      seconds: 0,
      schedules_per_second: 0,
      violation: { ...one.violation, recording: 0, violation: 0 },
    })),
  }
}
