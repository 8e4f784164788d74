/**
 * What becomes of a page that a device and a cpu want at the same time? Moves that follow on each other within 500 us are counted; then
 * the device has to wait; then the page stays in system memory; and after a while it is given a new chance. (Constants as in UVM.)
 */
import t from 'tap'
import type { MigrationPolicy } from '../../shared/drivers/svm.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { A, area, load, RW, store } from '../support/addressspace.ts'
import { type Gpu, gpu } from '../support/gpu.ts'

const ONE: MigrationPolicy = {
  name: 'one',
  mitigateThrashing: true,
  onFault: ({ vpn }) => ({ do: 'migrate', first: vpn, pages: 1 }),
}
const LAPSE_US = 500
const PIN_US = 150_000
const EPOCH_US = 1_000_000

/** The device has the page, then a cpu, each `us` after the other; until the device does not get it. Returns how often it did, and what then. */
function tug(the: Gpu, us: number, most = 20): { moved: number; next: string } {
  for (let moved = 0; moved < most; moved++) {
    the.pass(us)
    const answer = the.fault(0)
    const [at] = the.mapped(0, 1)
    if (answer !== 'ok' || at !== 'dev rw') return { moved, next: answer === 'ok' ? (at as string) : answer }
    the.pass(us)
    load(the.task, A)
  }
  return { moved: most, next: 'goes on' }
}

function page(options: Partial<Parameters<typeof gpu>[0]> = {}): Gpu {
  const the = gpu({ memory: [8], policy: ONE, ...options })
  area(the.task, the.mm, A, 1, RW)
  store(the.task, A, 5)
  return the
}

for (const era of ERAS_THERE) {
  t.test(`${era}: three moves close upon each other, and the device waits`, (t) => {
    const the = page({ era })
    t.same(tug(the, 100), { moved: 2, next: 'wait 500 us' })
    the.pass(LAPSE_US - 1)
    t.equal(the.fault(0), 'wait 1 us')
    the.pass(1)
    t.equal(the.fault(0), 'ok')
    t.same(the.mapped(0, 1), ['dev rw'])
    t.equal(the.count('throttled'), 1)
    t.same(the.close(), [])
    t.end()
  })
}

t.test('moves that are further apart are none of it', (t) => {
  const the = page()
  t.same(tug(the, LAPSE_US + 1), { moved: 20, next: 'goes on' })
  t.same(the.close(), [])
  t.end()
})

t.test('after ten naps the page is pinned in system memory, and moves again when the pin is over', (t) => {
  const the = page()
  for (let naps = 1; naps <= 10; naps++) {
    t.equal(tug(the, 10).next, 'wait 500 us')
    the.pass(LAPSE_US)
  }
  t.equal(tug(the, 10).next, 'sys rw')
  t.same([the.count('throttled'), the.count('pinned')], [10, 1])
  the.pass(PIN_US - 10)
  t.equal(the.fault(0), 'ok')
  t.same(the.mapped(0, 1), ['sys rw'])
  the.pass(20)
  t.equal(the.fault(0), 'ok')
  t.same(the.mapped(0, 1), ['dev rw'])
  t.same(the.close(), [])
  t.end()
})

t.test('naps are forgotten with their epoch, four times', (t) => {
  const the = page()
  const epoch = () => {
    for (let naps = 1; naps <= 9; naps++) {
      t.equal(tug(the, 10).next, 'wait 500 us')
      the.pass(LAPSE_US)
    }
    the.pass(EPOCH_US)
  }
  for (let i = 0; i < 5; i++) epoch()
  t.equal(the.count('pinned'), 0, 'nine naps in each of five epochs')
  tug(the, 10)
  the.pass(LAPSE_US)
  t.equal(tug(the, 10).next, 'sys rw', 'the fifth epoch does not end')
  t.same(the.close(), [])
  t.end()
})

t.test('a policy may pin a page itself', (t) => {
  let asked = 0
  const the = page({ policy: { ...ONE, onFault: () => (asked++ === 0 ? { do: 'pin' } : { do: 'migrate', first: A, pages: 1 }) } })
  t.same([the.fault(0), the.fault(0), ...the.mapped(0, 1), asked], ['ok', 'ok', 'sys rw', 1])
  the.pass(PIN_US + 1)
  t.same([the.fault(0), ...the.mapped(0, 1), asked], ['ok', 'dev rw', 2])
  t.same(the.close(), [])
  t.end()
})

t.test('a pinned page stays when its neighbours move', (t) => {
  const the = page({
    memory: [64],
    policy: {
      ...ONE,
      onFault: ({ vpn }: { vpn: number }) => (vpn === A ? { do: 'pin' } : { do: 'migrate', first: A, pages: 4 }),
    },
  })
  area(the.task, the.mm, A + 1, 3, RW)
  the.fault(0)
  the.fault(2)
  t.same(the.mapped(0, 4), ['sys rw', 'dev rw', 'dev rw', 'dev rw'])
  t.same(the.close(), [])
  t.end()
})

t.test('what was noted goes with the 2 MiB it was noted about', (t) => {
  const the = page()
  area(the.task, the.mm, A + 1, 511, RW)
  tug(the, 10)
  munmap(the.task, the.mm, A, 512)
  area(the.task, the.mm, A, 512, RW)
  t.equal(tug(the, 10).moved, 2, 'as with a new page')
  t.same(the.close(), [])
  t.end()
})
