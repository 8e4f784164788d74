/**
 * Does delayed reclaim help, and does it break anything? The workload that empties and fills the same directories of the devices'
 * tables, with all oracles, without it and with it: at least ten times fewer directories for the same number of faults.
 */
import t from 'tap'
import type { MirrorReclaim } from '../../shared/hmm/mirrorreclaim.ts'
import { loadUntil } from '../support/load.ts'

/** So many that the directories which every run makes once do not count. */
const FAULTS = 5000

/** Directories made for 1000 device faults. */
async function madePerThousand(
  t: Pick<typeof import('tap').t, 'same' | 'ok' | 'comment'>,
  mirrorReclaim: MirrorReclaim,
): Promise<number> {
  const options = { profile: 'churn', mirrorReclaim, noise: 0 } as const
  const result = await loadUntil(({ faults }) => faults >= FAULTS, options)
  t.same(result.violations, [])
  t.ok(result.faults >= FAULTS, `${result.faults} faults`)
  const made = (1000 * result.mirror_directories) / result.faults
  t.comment(`${mirrorReclaim}: ${result.mirror_directories} directories, ${result.faults} faults in ${result.seconds} s`)
  return made
}

t.test('ten times fewer directories, at no loss of correctness', async (t) => {
  const immediate = await madePerThousand(t, 'immediate')
  const delayed = await madePerThousand(t, 'delayed')
  t.ok(immediate >= 10 * delayed, `per 1000 faults: ${immediate.toFixed(1)} at once, ${delayed.toFixed(1)} delayed`)
})
