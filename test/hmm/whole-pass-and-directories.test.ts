/**
 * A pass of the module has a reference of the leaf directory alone, where an iterator has one on each level. Is a directory ever used that is
 * dead, installed in behind the back of who emptied the mirror, or lost? Directories die, are kept, and the mirror is detached, in front
 * of each atomic of a pass.
 */
import t from 'tap'
import { detachDevice } from '../../shared/device/attach.ts'
import { DeviceContext } from '../../shared/device/context.ts'
import svm from '../../shared/drivers/svm.ts'
import type { PfnFormat } from '../../shared/hmm/encoding.ts'
import type { MirrorIterator } from '../../shared/hmm/iterator.ts'
import { mirrorValid } from '../../shared/hmm/mirrorpte.ts'
import { mirrorIterator } from '../../shared/hmm/mirrortable.ts'
import { ELSEWHERE, SPOILT } from '../../shared/hmm/wholepass.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { intrudeEverywhere } from '../support/stepped.ts'
import {
  allIsFree,
  end,
  everywhere,
  FIRST,
  locksAreFree,
  mirrored,
  PAGES,
  pass,
  type Stand,
  stand,
  takeAway,
} from '../support/wholepass.ts'

/** The pages of the pass are alone in the table, in different directories of every level but the root. */
const ALONE = { first: 2 ** 27 - 2, neighbours: false, emptied: false }

/** cpu 1's hand on the device. */
function otherHand({ cpu1 }: Stand): DeviceContext {
  return new DeviceContext(cpu1, 0, svm)
}

const CHANGES: Readonly<Record<string, (s: Stand) => void>> = {
  'the pages are dropped': ({ cpu1, mm, first }) => madvise(cpu1, mm, first, PAGES, ADVICE.dontneed),
  'the driver takes them away': (s) => takeAway(otherHand(s), s.mirror, s.first),
  'the driver discards them': (s) => {
    const dev = otherHand(s)
    dev.lock(s.mirror)
    dev.discard(s.mirror, s.first, s.first + PAGES - 1)
    dev.unlock(s.mirror)
  },
}

for (const mirrorReclaim of ['immediate', 'delayed'] as const) {
  for (const [name, change] of Object.entries(CHANGES)) {
    t.test(`${name}, and every directory is empty: reclaim is ${mirrorReclaim}`, async (t) => {
      const { outcomes, missing } = everywhere({ ...ALONE, machine: { mirrorReclaim } }, change)
      t.ok((outcomes.get(PAGES) ?? 0) > 5, 'some passes are whole')
      t.ok(outcomes.size > 1 || mirrorReclaim === 'delayed', 'some come upon what is gone')
      t.strictSame(missing, [])
    })
  }

  t.test(`the pages are unmapped where mmap_sem is free: reclaim is ${mirrorReclaim}`, async (t) => {
    const change = ({ cpu1, mm, first }: Stand) => munmap(cpu1, mm, first, PAGES)
    const { outcomes, missing } = everywhere({ ...ALONE, machine: { mirrorReclaim } }, change, allIsFree)
    t.strictSame(missing, [])
    t.ok(outcomes.has(PAGES) && outcomes.has(SPOILT) && outcomes.has(ELSEWHERE))
  })
}

t.test('nothing is installed in a mirror that is detached while somebody stands in its directories', async (t) => {
  const outcomes = new Map<number, number>()
  intrudeEverywhere(() => {
    const s = stand()
    const { task, mm, mirror, dev, first } = s
    dev.getMirror(mm)
    // Two who stand in the leaf directories of the pass: they do not die when the mirror is emptied.
    const inside = [first, first + PAGES - 1].map((vpn) => standingAt(mirrorIterator(task, mirror), vpn))
    let detached = false
    return {
      task,
      wait(cpu0) {
        const done = pass(cpu0, s)
        outcomes.set(done, (outcomes.get(done) ?? 0) + 1)
        const iterator = dev.iterate(mirror)
        for (let vpn = first; detached && vpn < first + PAGES; vpn++)
          if (mirrorValid(dev.entry(iterator, vpn))) throw new Error('a page was installed in a dead mirror')
        iterator.finish()
        for (const one of inside) one.finish()
        dev.freeRange(s.range)
        if (!detached) detachDevice(task, mirror)
        mmPut(task, mm)
        dev.putMirror(mirror)
        t.strictSame(s.leftovers(), [])
      },
      intrude() {
        detached = true
        detachDevice(s.cpu1, mirror)
      },
      possible: () => locksAreFree(s),
    }
  })
  t.ok((outcomes.get(PAGES) ?? 0) > 0 && (outcomes.get(ELSEWHERE) ?? 0) > 1)
})

function standingAt(iterator: MirrorIterator, vpn: number): MirrorIterator {
  if (iterator.populate(vpn) === 0) throw new Error('no memory for a directory')
  return iterator
}

/** A page that may be written looks like one of own memory by one of its bits: nothing for the module. */
const OVERLAPPING: PfnFormat = {
  valid: 1n << 63n,
  write: 3n << 61n,
  devicePrivate: 3n << 60n,
  error: 1n << 59n,
  none: 0n,
  pfnShift: 0,
}

for (const mirrorReclaim of ['immediate', 'delayed'] as const) {
  t.test(`the pass is the last that leaves an empty directory: reclaim is ${mirrorReclaim}`, async (t) => {
    const outcomes = new Map<number, number>()
    intrudeEverywhere(() => {
      const s = stand({ neighbours: false, format: OVERLAPPING, machine: { mirrorReclaim } })
      const inside = [FIRST, FIRST + PAGES - 1].map((vpn) => standingAt(mirrorIterator(s.cpu1, s.mirror), vpn))
      let left = false
      return {
        task: s.task,
        wait(cpu0) {
          const done = pass(cpu0, s)
          outcomes.set(done, (outcomes.get(done) ?? 0) + 1)
          t.equal(mirrored(s), 0)
          if (!left) for (const one of inside) one.finish()
          t.strictSame(end(s), [])
        },
        intrude() {
          left = true
          for (const one of inside) one.finish()
        },
        possible: () => locksAreFree(s),
      }
    })
    t.strictSame([...outcomes.keys()], [ELSEWHERE])
  })
}
