/** The known races that can be put in, by their ids. */
import { fileURLToPath } from 'node:url'
import { HmmError } from '../../shared/seam/error.ts'
import type { ForeignActors } from '../explore/subjects.ts'
import type { Race } from './race.ts'

/** In the order of the catalogue. */
export const RACE_IDS = [
  'valid-flag-aba',
  'range-listed-after-callback',
  'recheck-outside-lock',
  'interval-remove-unlocked-predicate',
  'hmm-freed-before-grace',
  'eagain-without-unwind',
  'nonblock-start-lies',
  'unpaired-end-after-failed-start',
  'devpriv-fault-without-ref',
  'devpriv-fault-stampede',
  'migrate-flush-after-unlock',
  'invalidate-only-at-end',
  'invalidate-before-count',
  'vma-facts-before-seq',
  'register-inside-window',
  'setseq-forgotten',
  'deferred-invalidation',
  'callback-bails-on-alloc-failure',
  'reaper-without-notifier',
  'collapse-without-notifier',
  'fork-keeps-device-writable',
  'inactive-root-skipped',
  'revoked-object-still-notified',
  'split-shrinks-before-notifier',
  'ignore-own-invalidation-too-wide',
  'two-paths-one-unref',
  'child-destroyed-twice',
  'dying-flag-skips-cleanup',
  'fork-shares-context',
  'dir-freed-before-grace',
  'pte-dirty-lost-in-migration',
  'exclusive-entry-without-ref',
  'reused-frame-stale-metadata',
  'copy-failure-published',
  'touched-unowned-frame',
  'notifier-vs-page-lock',
  'cross-driver-wait-cycle',
  'reclaim-under-notifier-lock',
  'begin-under-lock',
  'two-meanings-one-errno',
  'readonly-vma-write-fault-spin',
  'refresh-invalidates-itself',
  'flush-work-cycle',
  'stale-fault-after-unmap',
  'write-upgrade-lost',
  'swapped-page-reported-as-ok',
  'counter-not-reset-on-reregister',
] as const

/** The race of that id. Throws HMM_ERR_USAGE with the ids there are. */
export async function raceById(id: string): Promise<Race> {
  if (!(RACE_IDS as readonly string[]).includes(id))
    throw new HmmError('HMM_ERR_USAGE', `there is no race ${JSON.stringify(id)}; there are ${RACE_IDS.join(', ')}`)
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  return (await import(new URL(`./${id}/race${extension}`, import.meta.url).href)).default as Race
}

/** What a race is explored on, unless something else is given. */
export function subjectOf(race: Race): { scenario: string } | { actors: ForeignActors } {
  if (race.actors !== undefined) return { actors: race.actors }
  return { scenario: fileURLToPath(race.scenario as string) }
}
