/**
 * The machine may be halted from outside at any moment, also while the conductor winds it back. A rewind that took HALT back with it
 * let the actors that the halt had woken go on as if each had been given the baton.
 */
import { test } from 'tap'
import { Reel } from '../../shared/actor/reel.ts'
import { haltMachine, haltState } from '../../shared/seam/halt.ts'
import { AWAKE_AT, HALT_AT } from '../../shared/seam/superblock.ts'
import { solo } from '../support/solo.ts'

test('winding back leaves the halt and takes back what stands around it', (t) => {
  const { task } = solo({ cpus: 1, bytes: 512 * 1024, control: { words: 0 } })
  const { words } = task
  const reel = new Reel(task, new SharedArrayBuffer(words.byteLength))
  reel.take()
  const [before, behind] = [words[HALT_AT - 1], words[AWAKE_AT]]
  words[HALT_AT - 1] = 77
  words[AWAKE_AT] = 77
  haltMachine(words, 'interrupted', -1)
  reel.restore()
  t.same([words[HALT_AT - 1], words[AWAKE_AT]], [before, behind])
  t.same(haltState(words), { cause: 'interrupted', actor: -1 })
  t.end()
})
