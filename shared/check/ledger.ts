/**
 * The ledger of atomic adds: what each actor added to which page, beside the pages themselves. The sum audit compares the
 * two when everything stands still: a difference is an add that was lost, or that landed in a frame of somebody else.
 *
 *   per actor   one word per page of the audited areas, behind the rendezvous words of `programs`; written by that actor only
 */
import { regionAt } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'

/** Pages under audit: two areas of up to 64. */
export const LEDGER_WORDS = 128
/** Words of `programs` before the ledgers (shared/actor/rendezvous.ts). */
export const RENDEZVOUS_WORDS = 16

export function ledgerAt(words: Words, actor: number): WordAt {
  return regionAt(words, 'programs') + RENDEZVOUS_WORDS + actor * LEDGER_WORDS
}
