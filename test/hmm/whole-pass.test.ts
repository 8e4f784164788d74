/**
 * A pass of the driver's loop that is one call of the module: is what it installs still what the CPU has, whatever happens in front of any of
 * its atomics? And does it wait for each of its locks as everybody does? On one thread, in the form of the module that is explored; real
 * schedulers have their turn in test/explore/whole-pass.test.ts, and whether both forms do the same is asked in two-forms-of-a-loop.test.ts.
 */
import t, { type Test } from 'tap'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { DeviceContext } from '../../shared/device/context.ts'
import { type Driver, defineDriver } from '../../shared/device/contract.ts'
import { registerDriver } from '../../shared/device/registry.ts'
import svm, { SVM_FORMAT } from '../../shared/drivers/svm.ts'
import { frameGeneration } from '../../shared/frame/frames.ts'
import { DIRECTORY_AT } from '../../shared/hmm/directory.ts'
import { MIRROR_AT, type Mirror } from '../../shared/hmm/mirror.ts'
import { mirrorPteFrame, mirrorValid, mirrorWritable } from '../../shared/hmm/mirrorpte.ts'
import { mirrorPeekGeneration } from '../../shared/hmm/mirrortable.ts'
import type { Range } from '../../shared/hmm/range.ts'
import { ELSEWHERE, SPOILT, wholePass } from '../../shared/hmm/wholepass.ts'
import { HUGE_PAGES, type WordAt } from '../../shared/memory/words.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmRoot, registerMm } from '../../shared/mm/mm.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { entryAt, findLeaf, LEAF_LEVEL, TABLE_AT } from '../../shared/mm/pagetable.ts'
import { pteFrame, ptePresent, pteWritable } from '../../shared/mm/pte.ts'
import { type Mm, mmapSem, mmSubscriptions, mmUsers } from '../../shared/notifier/mmhead.ts'
import { SUBSCRIPTIONS_AT } from '../../shared/notifier/subscriptions.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER, LEAF, MIRROR_LEAF, MMAP_SEM, SUBSCRIPTIONS } from '../../shared/sync/classes.ts'
import { mutexLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { downWrite, upWrite } from '../../shared/sync/rwsem.ts'
import { spinLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { A, area, newSpace, RO, RW } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'
import { intrudeEverywhere } from '../support/stepped.ts'

/** Offset in an rwsem of the lock of its queue. */
const SEM_QUEUE = 2
/** The pages of the pass lie in two leaves. */
const PAGES = 4
const NONE = 0
const FIRST = Math.ceil(A / HUGE_PAGES) * HUGE_PAGES + HUGE_PAGES - 2

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

interface Stand {
  readonly cpu1: Task
  readonly task: Task
  readonly mm: Mm
  readonly mirror: Mirror
  readonly dev: DeviceContext
  readonly range: Range
  /** The locks of a pass: subscriptions, the leaves, the update lock, the leaf directories. */
  readonly locks: readonly WordAt[]
  leftovers(): string[]
}

/** Pages that are there and were mirrored once, and are not now: each is installed anew. */
function stand(driver: Driver = svm): Stand {
  const { task, other, leftovers } = solo({ drivers: [driver] })
  const cpu1 = other(1)
  const mm = newSpace(task)
  area(task, mm, FIRST, PAGES, RW)
  // A neighbour that stays keeps each leaf directory.
  area(task, mm, FIRST - 1, 1, RW)
  area(task, mm, FIRST + PAGES, 1, RW)
  madvise(task, mm, FIRST - 1, PAGES + 2, ADVICE.populateWrite)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const dev = new DeviceContext(task, 0, driver)
  const range = dev.createRange(PAGES + 2, SVM_FORMAT)
  dev.rangeRequest(range, SVM_FORMAT.valid)
  dev.mirrorRange(range, mirror, FIRST - 1, PAGES + 2, 0)
  const leaves = [FIRST, FIRST + PAGES - 1].map((vpn) => findLeaf(task, mmRoot(task, mm), vpn) + TABLE_AT.lock)
  const iterator = dev.iterate(mirror)
  const directories = [FIRST, FIRST + PAGES - 1].map(
    (vpn) => iterator.lookup(vpn) - DIRECTORY_AT.entries - (vpn % HUGE_PAGES) + DIRECTORY_AT.lock,
  )
  iterator.finish()
  dev.lock(mirror)
  dev.unmap(mirror, FIRST, FIRST + PAGES - 1)
  dev.unlock(mirror)
  const locks = [mmSubscriptions(mm) + SUBSCRIPTIONS_AT.lock, ...leaves, mirror + MIRROR_AT.lock, ...directories]
  return { cpu1, task, mm, mirror, dev, range, locks, leftovers }
}

function pass(cpu0: Task, { range, mirror }: Stand): number {
  cpu0.exploresModule = true
  return wholePass(cpu0, range, mirror, FIRST, PAGES)
}

/** How many pages the mirror has; throws when one is not what the CPU has. */
function mirrored({ task, mm, mirror, dev }: Stand): number {
  const iterator = dev.iterate(mirror)
  let found = 0
  for (let vpn = FIRST; vpn < FIRST + PAGES; vpn++) {
    const pte = dev.entry(iterator, vpn)
    const cpu = cpuEntry(task, mm, vpn)
    if (!mirrorValid(pte)) continue
    found++
    const same = ptePresent(cpu) && pteFrame(cpu) === mirrorPteFrame(pte)
    // The frame may have been freed, and come back to the page.
    if (!same || mirrorPeekGeneration(task, iterator, vpn) !== frameGeneration(task, pteFrame(cpu)))
      throw new Error('the mirror has a page that the CPU has not')
    if (mirrorWritable(pte) && !pteWritable(cpu)) throw new Error('the mirror has a right that the CPU has not')
  }
  iterator.finish()
  return found
}

/** Gives everything back. */
function end(t: Test, s: Stand): void {
  s.dev.freeRange(s.range)
  mmPut(s.task, s.mm)
  detachDevice(s.task, s.mirror)
  t.strictSame(s.leftovers(), [])
}

/** A pass with `change` done by cpu 1 in front of each of its atomics, where that needs no lock that the pass has. Outcomes, and their number. */
function everywhere(driver: Driver, change: (s: Stand) => void): { outcomes: Map<number, number>; leftovers: string[] } {
  const outcomes = new Map<number, number>()
  const leftovers: string[] = []
  intrudeEverywhere(() => {
    const s = stand(driver)
    return {
      task: s.task,
      wait(cpu0) {
        const done = pass(cpu0, s)
        outcomes.set(done, (outcomes.get(done) ?? 0) + 1)
        const found = mirrored(s)
        if (done > 0 && found > done) throw new Error(`${done} pages were installed, and ${found} are there`)
        s.dev.freeRange(s.range)
        detachDevice(s.task, s.mirror)
        if (mmUsers(s.task, s.mm) > 0) mmPut(s.task, s.mm)
        leftovers.push(...s.leftovers())
      },
      intrude: () => change(s),
      possible: () => s.locks.every((lock) => s.task.words[lock] === 0),
    }
  })
  return { outcomes, leftovers }
}

const CHANGES: Readonly<Record<string, (s: Stand) => void>> = {
  'pages are dropped': ({ cpu1, mm }) => madvise(cpu1, mm, FIRST, PAGES, ADVICE.dontneed),
  'one page is dropped, and touched again': ({ cpu1, mm }) => {
    madvise(cpu1, mm, FIRST + 2, 1, ADVICE.dontneed)
    madvise(cpu1, mm, FIRST + 2, 1, ADVICE.populateWrite)
  },
}

for (const [name, change] of Object.entries(CHANGES)) {
  t.test(`${name} in front of any atomic: nothing stale is installed`, async (t) => {
    const { outcomes, leftovers } = everywhere(svm, change)
    t.ok((outcomes.get(PAGES) ?? 0) > 10, 'before and after it the pass is whole')
    t.ok((outcomes.get(SPOILT) ?? 0) > 1, 'what was read before it is not installed')
    t.ok([...outcomes.keys()].every((done) => [PAGES, SPOILT, ELSEWHERE].includes(done)))
    t.strictSame(leftovers, [])
  })

  t.test(`${name}, and the driver does not note it: that is seen here`, async (t) => {
    t.throws(() => everywhere(unheard, change), { message: 'the mirror has a page that the CPU has not' })
  })
}

t.test('rights are taken away in front of any atomic where mmap_sem is free', async (t) => {
  const needs = (s: Stand) => s.task.words[mmapSem(s.mm)] === 0
  let spoilt = 0
  intrudeEverywhere(() => {
    const s = stand()
    return {
      task: s.task,
      wait(cpu0) {
        if (pass(cpu0, s) === SPOILT) spoilt++
        mirrored(s)
      },
      intrude: () => mprotect(s.cpu1, s.mm, FIRST, PAGES, RO),
      possible: () => needs(s) && s.locks.every((lock) => s.task.words[lock] === 0),
    }
  })
  t.ok(spoilt > 0, 'between mmap_sem and the update lock it is noticed')
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
          end(t, s)
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
        end(t, s)
      },
      intrude: () => upWrite(s.cpu1, mmapSem(s.mm)),
      // Who leaves takes the queue's lock, if anybody is queued.
      possible: () => s.task.words[mmapSem(s.mm) + SEM_QUEUE] === 0,
    }
  })
  t.ok(met > 3, `left in front of ${met} atomics`)
})

t.test('the address space ends with a pass that is its last user', async (t) => {
  let ended = 0
  let last = 0
  intrudeEverywhere(() => {
    const s = stand()
    return {
      task: s.task,
      wait(cpu0) {
        registerMm(cpu0)
        registerDriver(cpu0, 0, svm)
        pass(cpu0, s)
        if (mmUsers(s.task, s.mm) === 0) ended++
        else mmPut(s.task, s.mm)
        s.dev.freeRange(s.range)
        detachDevice(s.task, s.mirror)
        t.strictSame(s.leftovers(), [])
      },
      // Its last other user goes; where the pass is one, the end of the pass is that of the address space.
      intrude() {
        if (mmUsers(s.task, s.mm) === 2) last++
        mmPut(s.cpu1, s.mm)
      },
      possible: () => s.task.words[mmapSem(s.mm)] === 0 && s.locks.every((lock) => s.task.words[lock] === 0),
    }
  })
  t.ok(last > 2, `${last} times the pass was the last user`)
  t.ok(ended > last, `and ${ended - last} times it came too late, or had gone`)
})

t.test('what the module does not know it leaves as it was', async (t) => {
  const s = stand()
  const { task, dev, mm, mirror, range } = s
  task.exploresModule = true
  const refused = (why: string, first = FIRST, pages = PAGES) => {
    t.equal(wholePass(task, range, mirror, first, pages), ELSEWHERE, why)
    t.equal(mmUsers(task, mm), 1, 'no user more')
    t.equal(task.words[mmapSem(mm)], 0)
    t.ok(
      s.locks.every((lock) => task.words[lock] === 0),
      'no lock held',
    )
  }
  refused('no pages', FIRST, 0)
  refused('half a page', FIRST, 0.5)
  refused('more than the range has room for', FIRST, 65)
  refused('beyond the last page', 2 ** 32 - 1, 2)
  mprotect(task, mm, FIRST - 1, 1, NONE)
  refused('an area that may not be read', FIRST - 1, 2)
  refused('no area', FIRST + 1000, 1)
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
  t.ok(ptePresent(task.words[entryAt(findLeaf(task, mmRoot(task, mm), FIRST), LEAF_LEVEL, FIRST)] as number))
  task.memory = null
  refused('a thread without the memory')
  end(t, s)
})
