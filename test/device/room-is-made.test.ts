/**
 * What happens when a device's memory is full? The pages used least go home, in the order of their use; never one that was just moved for a
 * fault that the hardware has not tried again; and where nothing can go, the page is served in system memory.
 */
import t from 'tap'
import { boundDriver } from '../../shared/device/registry.ts'
import type { PageFault } from '../../shared/drivers/svm.ts'
import { type Frame, frameGet, frameTryLock, frameUnlock } from '../../shared/frame/frames.ts'
import { framePut } from '../../shared/frame/zones.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { A, area, entries, frameOf, load, makeScarce, RW, store, wrongCounts } from '../support/addressspace.ts'
import { type Gpu, gpu } from '../support/gpu.ts'

const ONE = { name: 'one', onFault: ({ vpn }: PageFault) => ({ do: 'migrate', first: vpn, pages: 1 }) }

/** A fault with a replay behind it. */
function touch(the: Gpu, i: number): void {
  the.fault(i)
  the.replay()
}

/** Which of pages A + 0 and on are on the device. */
function onDevice(the: Gpu, pages: number): number[] {
  return entries(the.task, the.mm, A, pages).flatMap((entry, i) => (entry === 'kind 3' ? [i] : []))
}

for (const era of ERAS_THERE) {
  t.test(`${era}: four times as many pages as there is room for, all content is kept`, (t) => {
    const the = gpu({ memory: [8], policy: ONE, era })
    const { task, mm } = the
    area(task, mm, A, 32, RW)
    for (let i = 0; i < 32; i++) store(task, A + i, 100 + i)
    for (let round = 0; round < 2; round++) for (let i = 0; i < 32; i++) touch(the, i)
    t.same(onDevice(the, 32), [24, 25, 26, 27, 28, 29, 30, 31])
    t.equal(the.count('evictions'), 2 * 32 - 8)
    t.same(
      Array.from({ length: 32 }, (_, i) => load(task, A + i)),
      Array.from({ length: 32 }, (_, i) => 100 + i),
    )
    t.same(wrongCounts(task, mm), [])
    t.same(the.close(), [])
    t.end()
  })
}

t.test('a fault on a page that is there makes it the youngest', (t) => {
  const the = gpu({ memory: [4], policy: ONE })
  area(the.task, the.mm, A, 8, RW)
  for (const i of [0, 1, 2, 3, 0, 2, 4, 5]) touch(the, i)
  t.same(onDevice(the, 8), [0, 2, 4, 5])
  t.same(the.close(), [])
  t.end()
})

t.test('between two replays nothing is given up that was moved since the first', (t) => {
  const the = gpu({ memory: [4], policy: ONE })
  area(the.task, the.mm, A, 8, RW)
  for (let i = 0; i < 8; i++) the.fault(i)
  t.same(onDevice(the, 8), [0, 1, 2, 3])
  t.same(the.mapped(0, 8), [...Array(4).fill('dev rw'), ...Array(4).fill('sys rw')], 'all are served all the same')
  the.replay()
  madvise(the.task, the.mm, A + 4, 1, ADVICE.dontneed)
  touch(the, 4)
  t.same(onDevice(the, 8), [1, 2, 3, 4])
  t.same(the.close(), [])
  t.end()
})

t.test('pages that are locked, or held by somebody, stay; the next ones go', (t) => {
  const the = gpu({ memory: [4], policy: ONE })
  const { task, mm } = the
  area(task, mm, A, 8, RW)
  for (let i = 0; i < 4; i++) touch(the, i)
  const [locked, held] = [frameOf(task, mm, A), frameOf(task, mm, A + 1)]
  t.ok(frameTryLock(task, locked))
  frameGet(task, held)
  touch(the, 4)
  touch(the, 5)
  t.same(onDevice(the, 8), [0, 1, 4, 5])
  frameUnlock(task, locked)
  framePut(task, held)
  t.same(the.close(), [])
  t.end()
})

t.test('no system memory for the way home: the page is served where it is, and nothing is lost', (t) => {
  const the = gpu({ memory: [2], policy: ONE })
  const { task, mm } = the
  area(task, mm, A, 4, RW)
  for (let i = 0; i < 3; i++) store(task, A + i, 100 + i)
  touch(the, 0)
  touch(the, 1)
  const give = makeScarce(task, 'frame', 0)
  t.equal(the.fault(2), 'ok')
  t.same(the.mapped(0, 3), ['dev rw', 'dev rw', 'sys rw'])
  give()
  t.same(
    [0, 1, 2].map((i) => load(task, A + i)),
    [100, 101, 102],
  )
  t.same(the.close(), [])
  t.end()
})

t.test('frames that were freed meanwhile are stepped over', (t) => {
  const the = gpu({ memory: [4], policy: ONE })
  const { task, mm } = the
  area(task, mm, A, 8, RW)
  for (let i = 0; i < 4; i++) touch(the, i)
  madvise(task, mm, A, 2, ADVICE.dontneed)
  const { memory } = boundDriver(task, 0).dev
  t.equal(memory.freePages(), 2)
  t.same(
    memory.leastUsed(4).map((frame: Frame) => frame),
    [frameOf(task, mm, A + 2), frameOf(task, mm, A + 3)],
  )
  t.same(the.close(), [])
  t.end()
})
