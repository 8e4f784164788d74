/**
 * Where does a page go that a device with memory of its own faults on? Wherever the policy says, in every era; and what cannot go there
 * is served where it is.
 */
import t from 'tap'
import { PLACE } from '../../shared/device/memory.ts'
import type { PageFault } from '../../shared/drivers/svm.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, entries, fileArea, load, RO, RW, store, wrongCounts } from '../support/addressspace.ts'
import { gpu } from '../support/gpu.ts'

const PRIVATE = 'kind 3'
/** Moves the one page, and nothing else. */
const ONE = { name: 'one', onFault: ({ vpn }: PageFault) => ({ do: 'migrate', first: vpn, pages: 1 }) }

for (const era of ERAS_THERE) {
  t.test(`${era}: first touch moves a page to the device, a CPU's touch brings it home`, (t) => {
    const the = gpu({ memory: [8], policy: ONE, era })
    const { task, mm } = the
    area(task, mm, A, 2, RW)
    store(task, A, 5)
    t.same([the.fault(0), the.fault(1, 'read')], ['ok', 'ok'])
    t.same(entries(task, mm, A, 2), [PRIVATE, PRIVATE])
    t.same(the.mapped(0, 2), ['dev rw', 'dev rw'])
    t.same([load(task, A), load(task, A + 1)], [5, 0])
    t.same(the.mapped(0, 2), ['-', '-'])
    t.same(entries(task, mm, A, 2), ['rw', 'rw'])
    t.equal(the.count('migrations'), 4)
    t.same(wrongCounts(task, mm), [])
    t.same(the.close(), [])
    t.end()
  })

  t.test(`${era}: system and threshold`, (t) => {
    const still = gpu({ memory: [8], policy: 'system', era })
    area(still.task, still.mm, A, 1, RW)
    for (let i = 0; i < 5; i++) still.fault(0)
    t.same([still.mapped(0, 1), still.count('migrations')], [['sys rw'], 0])
    t.same(still.close(), [])
    const third = gpu({ memory: [8], policy: 'threshold', era })
    area(third.task, third.mm, A, 1, RW)
    const seen = [1, 2, 3].map(() => [third.fault(0), ...third.mapped(0, 1)].join(' '))
    t.same(seen, ['ok sys rw', 'ok sys rw', 'ok dev rw'])
    t.same(third.close(), [])
    t.end()
  })

  t.test(`${era}: a page that may not be written: after fork it comes home for a write, and is copied`, (t) => {
    const the = gpu({ memory: [8], policy: ONE, era })
    const { task, mm } = the
    area(task, mm, A, 1, RW)
    store(task, A, 5)
    the.fault(0)
    const child = fork(task, mm, 2)
    t.equal(the.fault(0, 'read'), 'ok')
    t.same(the.mapped(0, 1), ['dev ro'])
    t.equal(the.fault(0, 'write'), 'ok')
    t.same(the.mapped(0, 1), ['sys rw'], 'its own copy')
    switchMm(task, child)
    t.equal(load(task, A), 5)
    switchMm(task, mm)
    mmPut(task, child)
    t.same(the.close(), [])
    t.end()
  })

  t.test(`${era}: refusals are those of a device without memory`, (t) => {
    const the = gpu({ memory: [8], policy: ONE, era })
    const { task, mm } = the
    area(task, mm, A, 1, RW)
    the.fault(0)
    mprotect(task, mm, A, 1, RO)
    const none = gpu({ memory: [0], era })
    area(none.task, none.mm, A, 1, RO)
    t.same([the.fault(0, 'write'), the.fault(0, 'read'), the.fault(9)], [none.fault(0, 'write'), 'ok', none.fault(9)])
    t.same(the.close(), [])
    t.same(none.close(), [])
    t.end()
  })

  t.test(`${era}: pages of files, and pages that are swapped out`, (t) => {
    const the = gpu({ memory: [8], policy: ONE, era })
    const { task, mm } = the
    area(task, mm, A, 1, RW)
    fileArea(task, mm, A + 1, 1, RW | VM_SHARED)
    store(task, A, 5)
    madvise(task, mm, A, 1, ADVICE.pageout)
    t.same([the.fault(0), the.fault(1)], ['ok', 'ok'])
    t.equal(the.mapped(1, 1)[0], 'sys rw', 'a page of a file is mapped where it is')
    t.equal(the.mapped(0, 1)[0], 'dev rw', 'a page that was swapped out comes in, and moves')
    t.equal(load(task, A), 5)
    t.same(the.close(), [])
    t.end()
  })
}

t.test("a page in another device's memory moves through system memory", (t) => {
  const the = gpu({ memory: [4, 4], policy: ONE })
  const { task, mm } = the
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  the.fault(0, 'write', 0)
  t.equal(the.fault(0, 'write', 1), 'ok')
  t.same([the.mapped(0, 1, 0), the.mapped(0, 1, 1)], [['-'], ['dev rw']])
  t.equal(load(task, A), 5)
  t.same(the.close(), [])
  t.end()
})

t.test('the policy is told what it may go by', (t) => {
  const told: PageFault[] = []
  const policy = {
    name: 'listens',
    onFault: (fault: PageFault) => {
      told.push(fault)
      return { do: 'map' }
    },
  }
  const the = gpu({ memory: [8], policy })
  area(the.task, the.mm, A, 4, RW)
  store(the.task, A + 1, 5)
  the.fault(1, 'read')
  the.fault(2, 'write')
  the.fault(2, 'write')
  t.match(told, [
    {
      vpn: A + 1,
      access: 1,
      area: { first: A, last: A + 3, writable: true },
      place: PLACE.system,
      faults: 1,
      free: 8,
      capacity: 8,
    },
    { vpn: A + 2, access: 2, place: PLACE.none, faults: 1 },
    { vpn: A + 2, place: PLACE.system, faults: 2 },
  ])
  t.same(the.close(), [])
  t.end()
})

t.test('what it answers is cut to the area, to 2 MiB and to a quarter of the memory', (t) => {
  const policy = { name: 'greedy', onFault: () => ({ do: 'migrate', first: 0, pages: 1 << 20 }) }
  const the = gpu({ memory: [64], policy })
  area(the.task, the.mm, A + 500, 20, RW)
  t.equal(the.fault(505), 'ok')
  t.same(the.mapped(500, 20), [...Array(12).fill('dev rw'), ...Array(8).fill('-')])
  area(the.task, the.mm, A + 1024, 64, RW)
  t.equal(the.fault(1024 + 30), 'ok')
  t.same(
    the.mapped(1024, 64).flatMap((one, i) => (one === '-' ? [] : [i])),
    Array.from({ length: 16 }, (_, i) => i + 30),
  )
  t.same(the.close(), [])
  t.end()
})

t.test('a policy that is none is refused with one sentence', (t) => {
  for (const [policy, message] of [
    ['nearest', /there is no policy "nearest"; there are system, first-touch, threshold/],
    [null, /its module exports none/],
    [{ onFault: () => ({ do: 'map' }) }, /it has no name/],
    [{ name: 'x' }, /x has no onFault\(\)/],
    [{ ...ONE, atomics: 'never' }, /atomics of one are one of map, exclusive, migrate/],
  ] as const)
    t.throws(() => gpu({ memory: [4], policy }), { code: 'HMM_ERR_DRIVER', message })
  t.end()
})

t.test('an answer that is none ends the run with the name of the policy', (t) => {
  for (const answer of [undefined, { do: 'stay' }, { do: 'migrate', first: 0.5, pages: 1 }]) {
    const the = gpu({ memory: [4], policy: { name: 'mumbles', onFault: () => answer } })
    area(the.task, the.mm, A, 1, RW)
    t.throws(() => the.fault(0), { code: 'HMM_ERR_DRIVER', message: /failed in serviceFault\(\): policy mumbles answered/ })
    t.same(the.close(), [])
  }
  t.end()
})

t.test('pages that are not where the fault was are nothing to move', (t) => {
  const the = gpu({ memory: [4], policy: { name: 'elsewhere', onFault: () => ({ do: 'migrate', first: A + 600, pages: 4 }) } })
  area(the.task, the.mm, A, 1, RW)
  t.same([the.fault(0), ...the.mapped(0, 1)], ['ok', 'sys rw'])
  t.same(the.close(), [])
  t.end()
})
