/**
 * In era two-pass, svm begins the flush of its TLB in the first pass and waits in the second. Are all devices' flushes under way
 * before one is waited for? Does an invalidation that finds entries gone wait for the flush that goes with them? And what happens to
 * a driver that has no pair, has half of one, or answers nonsense?
 */
import t from 'tap'
import { actorsOf } from '../../shared/actor/machine.ts'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { type Driver, defineDriver } from '../../shared/device/contract.ts'
import { flushesBegunAt, flushGenerationAt } from '../../shared/device/record.ts'
import { asDriver, boundDriver } from '../../shared/device/registry.ts'
import svm, { SVM_FORMAT } from '../../shared/drivers/svm.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { EAGAIN } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { enterInside, leaveInside } from '../../shared/mm/shootdown.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart, invalidateRangeStartNonblock } from '../../shared/notifier/invalidate.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { WAIT_KIND } from '../../shared/seam/actors.ts'
import { WAIT } from '../../shared/seam/park.ts'
import { A, area, newSpace, RW, store } from '../support/addressspace.ts'
import { atEveryPoint } from '../support/interleave.ts'
import { type Solo, type SoloOptions, solo } from '../support/solo.ts'

/** Two devices with `driver` that have mapped page A, each with an engine. */
function scene(driver: Driver, options: SoloOptions = {}) {
  const made = solo({ drivers: [driver, driver], era: 'two-pass', ...options })
  const { task } = made
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 7)
  const mirrors = [0, 1].map((device) => attachDevice(task, device, mm) as Mirror)
  const map = () => {
    for (const [device, mirror] of mirrors.entries()) mapPage(made, device, mirror)
  }
  map()
  const word = (at: (t: typeof task, device: number) => number) => [0, 1].map((device) => task.words[at(task, device)] as number)
  return {
    ...made,
    mm,
    map,
    generations: () => word(flushGenerationAt),
    begun: () => word(flushesBegunAt),
    close() {
      mmPut(task, mm)
      for (const mirror of mirrors) detachDevice(task, mirror)
      return made.leftovers()
    },
  }
}

function mapPage({ task }: Solo, device: number, mirror: Mirror): void {
  const { dev } = boundDriver(task, device)
  const range = dev.createRange(64, SVM_FORMAT)
  dev.rangeRequest(range, SVM_FORMAT.valid | SVM_FORMAT.write)
  dev.rangeRegister(range, mirror, A, 1)
  dev.rangeWait(range)
  dev.mmapReadLock(mirror)
  dev.rangeFault(range)
  dev.mmapReadUnlock(mirror)
  dev.lock(mirror)
  dev.install(range)
  dev.unlock(mirror)
  dev.rangeUnregister(range)
  dev.freeRange(range)
}

/** Number of a device's engine in a machine of two cpus and two devices without dispatchers. */
function engineOf(device: number): number {
  const actors = actorsOf({ cpus: 2, notifiers: 0, devices: 2 } as Parameters<typeof actorsOf>[0])
  return actors.findIndex(({ kind, index }) => kind === 'engine' && index === device)
}

t.test('both devices are flushing before either is waited for', (t) => {
  const seen: number[][] = []
  let look = () => {}
  const { task, other, mm, generations, begun, close } = scene(
    defineDriver({
      ...svm,
      invalidateFinish(dev, ticket) {
        look()
        svm.invalidateFinish?.(dev, ticket)
      },
    }),
  )
  const engines = [0, 1].map((device) => other(engineOf(device)))
  for (const engine of engines) enterInside(engine)
  const before = generations()
  look = () => {
    seen.push(
      generations().map((generation, i) => generation - (before[i] as number)),
      begun(),
    )
    for (const engine of engines) leaveInside(engine) // the accesses in flight come to their end
    look = () => {}
  }
  madvise(task, mm, A, 1, ADVICE.dontneed)
  t.same(seen, [
    [1, 1],
    [1, 1],
  ])
  t.same(begun(), [0, 0], 'and both were waited for')
  t.same(close(), [])
  t.end()
})

t.test('an engine that is outside has acknowledged: there is nothing to wait for', (t) => {
  let finished = 0
  const { task, mm, generations, begun, close } = scene(
    defineDriver({
      ...svm,
      invalidateFinish() {
        finished++
      },
    }),
  )
  const before = generations()
  madvise(task, mm, A, 1, ADVICE.dontneed)
  t.same(
    generations(),
    before.map((generation) => generation + 1),
  )
  t.equal(finished, 0)
  t.same(begun(), [0, 0])
  t.same(close(), [])
  t.end()
})

t.test('who finds the entries gone waits for the flush that goes with them, and flushes nothing itself', (t) => {
  const calls: string[] = []
  const { task, other, mm, generations, close } = scene(
    defineDriver({
      ...svm,
      invalidateFinish(dev, ticket) {
        calls.push(`device ${dev.device} waits`)
        if (dev.device === 0) leaveInside(engine)
        svm.invalidateFinish?.(dev, ticket)
      },
      invalidateStart(dev, mirror, range, seq) {
        const answer = svm.invalidateStart?.(dev, mirror, range, seq) ?? 0
        calls.push(`device ${dev.device} ${answer > 0 ? 'owes' : 'is out'}`)
        if (dev.device === 1 && inner) {
          // Another cpu drops the page while this invalidation is between its passes.
          inner = false
          calls.push('another')
          const again = rangeInit(cpu1, mm, A, A, NOTIFY.clear)
          invalidateRangeStart(cpu1, again)
          calls.push('another is done')
          invalidateRangeEnd(cpu1, again)
        }
        return answer
      },
    }),
  )
  let inner = true
  const cpu1 = other(1)
  const engine = other(engineOf(0))
  enterInside(engine)
  const before = generations()[0] as number
  const first = rangeInit(task, mm, A, A, NOTIFY.clear)
  invalidateRangeStart(task, first)
  invalidateRangeEnd(task, first)
  t.same(calls.slice(0, 7), [
    'device 0 owes',
    'device 1 is out',
    'another',
    'device 0 owes',
    'device 1 is out',
    'device 0 waits',
    'another is done',
  ])
  t.equal(generations()[0], before + 1, 'one flush for both')
  leaveInside(engine)
  t.same(close(), [])
  t.end()
})

t.test('unmapping in one pass waits, too, for a flush that another invalidation has begun', (t) => {
  const { task, other, mm, begun, close } = scene(svm)
  const engine = other(engineOf(0))
  const { dev } = boundDriver(task, 0)
  const mirror = dev.getMirror(mm) as Mirror
  enterInside(engine)
  dev.lock(mirror)
  const ticket = dev.startUnmap(mirror, A, A)
  dev.unlock(mirror)
  t.ok(ticket > 0)
  let left = false
  atEveryPoint(task, () => {
    if (left || task.words[task.record + WAIT_KIND] !== WAIT.shootdown) return
    left = true
    leaveInside(engine)
  })
  dev.lock(mirror)
  dev.unmap(mirror, A, A)
  dev.unlock(mirror)
  Object.defineProperty(task, 'gate', { configurable: true, writable: true, value: 0 })
  t.equal(left, true, 'it waited for the access in flight')
  dev.finishFlush(ticket)
  t.same(begun(), [0, 0])
  dev.putMirror(mirror)
  t.same(close(), [])
  t.end()
})

t.test('the lock is not to be had and the range may not block: refused, and nothing was done', (t) => {
  const { task, other, mm, generations, close } = scene(svm)
  const holder = other(1)
  const mirror = boundDriver(task, 1).dev.getMirror(mm) as Mirror
  boundDriver(holder, 1).dev.lock(mirror)
  const before = generations()[1]
  t.equal(invalidateRangeStartNonblock(task, rangeInit(task, mm, A, A, NOTIFY.clear)), -EAGAIN)
  t.equal(generations()[1], before)
  boundDriver(holder, 1).dev.unlock(mirror)
  boundDriver(task, 1).dev.putMirror(mirror)
  t.same(close(), [])
  t.end()
})

t.test('a driver without the pair is called by invalidate; one with it is, too, in the other eras', (t) => {
  const calls: string[] = []
  const noting = defineDriver({
    ...svm,
    invalidate(dev, mirror, range, seq) {
      calls.push('invalidate')
      return svm.invalidate(dev, mirror, range, seq)
    },
    invalidateStart(dev, mirror, range, seq) {
      calls.push('invalidateStart')
      return svm.invalidateStart?.(dev, mirror, range, seq) ?? 0
    },
  })
  const { invalidateStart: _start, invalidateFinish: _finish, ...single } = noting
  for (const [driver, era, expected] of [
    [single, 'two-pass', 'invalidate'],
    [noting, 'sequence', 'invalidate'],
    [noting, 'two-pass', 'invalidateStart'],
  ] as const) {
    const { task, mm, close } = scene(driver, { era })
    calls.length = 0
    madvise(task, mm, A, 1, ADVICE.dontneed)
    t.same(calls, [expected, expected], `${era}`)
    t.same(close(), [])
  }
  t.end()
})

t.test('half a pair is refused when the driver is loaded, nonsense when it is answered', (t) => {
  const { invalidateFinish: _finish, ...half } = svm
  t.throws(() => asDriver(half, 'half.js'), {
    code: 'HMM_ERR_DRIVER',
    message: 'the driver in half.js has only one of invalidateStart() and invalidateFinish()',
  })
  for (const answer of [-1, 0.5, 2 ** 31]) {
    const { task, mm } = scene(defineDriver({ ...svm, name: 'odd', invalidateStart: () => answer }))
    t.throws(() => madvise(task, mm, A, 1, ADVICE.dontneed), {
      message: `driver odd of device 0 failed in invalidateStart(): it answered ${answer}, and not 0, -EAGAIN or a positive token`,
    })
  }
  t.end()
})
