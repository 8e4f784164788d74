/**
 * A pass of the driver's loop that is one call of the module: is what it installs still what the CPU has, whatever happens in front of any of
 * its atomics? And does it wait for each of its locks as everybody does? On one thread, in the form of the module that is explored; real
 * schedulers have their turn in test/explore/whole-pass.test.ts, and whether both forms do the same is asked in two-forms-of-a-loop.test.ts.
 */
import t from 'tap'
import { type Driver, defineDriver } from '../../shared/device/contract.ts'
import svm, { SVM_FORMAT } from '../../shared/drivers/svm.ts'
import { createRange, rangeRequest } from '../../shared/hmm/range.ts'
import { ELSEWHERE, SPOILT, wholePass } from '../../shared/hmm/wholepass.ts'
import type { WordAt } from '../../shared/memory/words.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { mmapSem, mmUsers } from '../../shared/notifier/mmhead.ts'
import { ownStat, STAT } from '../../shared/seam/stats.ts'
import { DRIVER, LEAF, MIRROR_LEAF, MMAP_SEM, SUBSCRIPTIONS } from '../../shared/sync/classes.ts'
import { mutexLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { rcuReadLock, rcuReadUnlock } from '../../shared/sync/rcu.ts'
import { downWrite, upWrite } from '../../shared/sync/rwsem.ts'
import { spinLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { RO, RW } from '../support/addressspace.ts'
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
} from '../support/wholepass.ts'

const NONE = 0
/** Offset in an rwsem of the lock of its queue. */
const SEM_QUEUE = 2

/** Its invalidation does not say that it was there. */
const unheard: Driver = defineDriver({
  ...svm,
  name: 'unheard',
  invalidate(dev, mirror, range) {
    dev.lock(mirror)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },
})

const CHANGES: Readonly<Record<string, (s: Stand) => void>> = {
  'pages are dropped': ({ cpu1, mm }) => madvise(cpu1, mm, FIRST, PAGES, ADVICE.dontneed),
  'one page is dropped, and touched again': ({ cpu1, mm }) => {
    madvise(cpu1, mm, FIRST + 2, 1, ADVICE.dontneed)
    madvise(cpu1, mm, FIRST + 2, 1, ADVICE.populateWrite)
  },
}

for (const [name, change] of Object.entries(CHANGES)) {
  for (const era of ['sequence', 'two-pass'] as const) {
    t.test(`${name} in front of any atomic: nothing stale is installed (${era})`, async (t) => {
      const { outcomes, missing } = everywhere({ machine: { era } }, change)
      t.ok((outcomes.get(PAGES) ?? 0) > 10, 'before and after it the pass is whole')
      t.ok((outcomes.get(SPOILT) ?? 0) > 1, 'what was read before it is not installed')
      t.ok([...outcomes.keys()].every((done) => [PAGES, SPOILT, ELSEWHERE].includes(done)))
      t.strictSame(missing, [])
    })
  }

  t.test(`${name}, and the driver does not note it: that is seen here`, async (t) => {
    t.throws(() => everywhere({ driver: unheard }, change), { message: 'the mirror has a page that the CPU has not' })
  })
}

t.test('rights are taken away in front of any atomic where mmap_sem is free', async (t) => {
  const { outcomes, missing } = everywhere({}, ({ cpu1, mm }) => mprotect(cpu1, mm, FIRST, PAGES, RO), allIsFree)
  t.strictSame(missing, [])
  t.ok(outcomes.has(SPOILT), 'between mmap_sem and the update lock it is noticed')
})

t.test('another pass over the same pages in front of any atomic: both are whole', async (t) => {
  const { outcomes, missing } = everywhere({}, ({ cpu1, mirror }) => {
    const range = createRange(cpu1, PAGES, SVM_FORMAT)
    rangeRequest(cpu1, range, SVM_FORMAT.valid, 0n)
    cpu1.exploresModule = true
    if (wholePass(cpu1, range, mirror, FIRST, PAGES) !== PAGES) throw new Error('the other pass is not whole')
  })
  // One whose count of the mm's users, or of readers, changes under it begins again in TypeScript.
  t.ok((outcomes.get(PAGES) ?? 0) > 10)
  t.notOk(outcomes.has(SPOILT))
  t.match(missing, [/^range: /, /^pfns/], 'but for the ranges of the others')
})

t.test('each lock of a pass is waited for until its holder drops it', async (t) => {
  const classes = [SUBSCRIPTIONS, LEAF, LEAF, DRIVER, MIRROR_LEAF, MIRROR_LEAF]
  for (const [i, cls] of classes.entries()) {
    const take = cls === DRIVER ? mutexLock : spinLock
    const drop = cls === DRIVER ? mutexUnlock : spinUnlock
    const met = intrudeEverywhere(() => {
      const s = stand()
      const lock = s.locks[i] as WordAt
      take(s.cpu1, lock, cls)
      return {
        task: s.task,
        wait(cpu0) {
          t.equal(pass(cpu0, s), PAGES)
          t.equal(mirrored(s), PAGES)
          t.strictSame(end(s), [])
        },
        intrude: () => drop(s.cpu1, lock),
      }
    })
    t.ok(met > 3, `${cls.name}: dropped in front of ${met} atomics`)
  }
})

t.test('mmap_sem is waited for until its writer leaves', async (t) => {
  const met = intrudeEverywhere(() => {
    const s = stand()
    downWrite(s.cpu1, mmapSem(s.mm), MMAP_SEM)
    return {
      task: s.task,
      wait(cpu0) {
        t.equal(pass(cpu0, s), PAGES)
        t.equal(s.task.words[mmapSem(s.mm)], 0, 'it is free again')
        t.equal(cpu0.checked, true, 'and the books are kept again')
        t.strictSame(end(s), [])
      },
      intrude: () => upWrite(s.cpu1, mmapSem(s.mm)),
      // Who leaves takes the queue's lock, if anybody is queued.
      possible: () => s.task.words[mmapSem(s.mm) + SEM_QUEUE] === 0,
    }
  })
  t.ok(met > 3, `left in front of ${met} atomics`)
})

t.test('the address space ends with a pass that is its last user', async (t) => {
  let last = 0
  let ended = 0
  intrudeEverywhere(() => {
    const s = stand()
    return {
      task: s.task,
      wait(cpu0) {
        pass(cpu0, s)
        if (mmUsers(s.task, s.mm) === 0) ended++
        t.strictSame(end(s), [])
      },
      // Its last other user goes; where the pass is one, the end of the pass is that of the address space.
      intrude() {
        if (mmUsers(s.task, s.mm) === 2) last++
        mmPut(s.cpu1, s.mm)
      },
      possible: () => allIsFree(s),
    }
  })
  t.ok(last > 2, `${last} times the pass was the last user`)
  t.ok(ended > last, `and ${ended - last} times it came too late, or had gone`)
})

t.test('what the module does not know it leaves to others, with everything back', async (t) => {
  const s = stand()
  const { task, dev, mm, mirror, range } = s
  task.exploresModule = true
  const refused = (why: string, first = FIRST, pages = PAGES) => {
    t.equal(wholePass(task, range, mirror, first, pages), ELSEWHERE, why)
    t.equal(mmUsers(task, mm), 1, 'no user more')
    t.equal(task.words[mmapSem(mm)], 0)
    t.ok(locksAreFree(s), 'no lock held')
  }
  refused('no pages', FIRST, 0)
  refused('half a page', FIRST, 0.5)
  refused('more than the range has room for', FIRST, 65)
  refused('beyond the last page', 2 ** 32 - 1, 2)
  refused('no area', FIRST + 1000, 1)
  mprotect(task, mm, FIRST - 1, 1, NONE)
  refused('an area that may not be read', FIRST - 1, 2)
  rcuReadLock(task)
  refused('an actor that is in a section of rcu')
  rcuReadUnlock(task)
  dev.rangeRequest(range, 0n, SVM_FORMAT.valid)
  refused('requests page by page')
  dev.rangeRequest(range, SVM_FORMAT.valid | SVM_FORMAT.write)
  mprotect(task, mm, FIRST + 3, 1, RO)
  refused('a page that may not be written, and should')
  mprotect(task, mm, FIRST + 3, 1, RW)
  munmap(task, mm, FIRST + 1, 1)
  refused('a hole')
  dev.mirrorRange(range, mirror, FIRST, 1, 0) // its directory may be gone
  t.equal(wholePass(task, range, mirror, FIRST, 1), 1, 'a page before it is another matter')
  dev.rangeRegister(range, mirror, FIRST, 1)
  t.equal(wholePass(task, range, mirror, FIRST, 1), ELSEWHERE, 'a range that is registered')
  t.throws(() => dev.mirrorRange(range, mirror, FIRST, 1, 0), /a range is registered once at a time/)
  dev.rangeUnregister(range)
  task.memory = null
  refused('a thread without the memory')
  t.strictSame(end(s), [])
})

for (const era of ['range-valid', 'unlocked-timeout'] as const) {
  t.test(`the module does not know era ${era}`, async (t) => {
    const s = stand({ machine: { era } })
    t.equal(pass(s.task, s), ELSEWHERE)
    t.equal(s.dev.mirrorRange(s.range, s.mirror, FIRST, PAGES, 0), PAGES, 'which has a loop of its own')
    t.strictSame(end(s), [])
  })
}

t.test('the last pages that there are', async (t) => {
  const s = stand({ first: 2 ** 32 - PAGES, neighbours: false, emptied: false })
  t.equal(pass(s.task, s), PAGES)
  t.equal(mirrored(s), PAGES)
  t.strictSame(end(s), [])
})

t.test('no retry is counted for a mirror that is dead', async (t) => {
  const s = stand()
  const kept = s.dev.getMirror(s.mm)
  t.equal(kept, s.mirror)
  s.task.exploresModule = true
  const retries = ownStat(s.task, STAT.retries)
  end({ ...s, leftovers: () => [] }) // the mirror's record stays, because it is held
  const range = s.dev.createRange(PAGES, SVM_FORMAT)
  t.equal(s.dev.mirrorRange(range, s.mirror, FIRST, PAGES, 0), -14)
  t.equal(ownStat(s.task, STAT.retries), retries)
  s.dev.freeRange(range)
  s.dev.putMirror(s.mirror)
  t.strictSame(s.leftovers(), [])
})
