/**
 * Which neighbours come along when a page moves to a device? Its 64 KiB; and of the tree of its 2 MiB the largest part of which more than
 * 51 % are there. Against a calculation from first principles, for any set of pages.
 */
import fc from 'fast-check'
import t from 'tap'
import { boundDriver } from '../../shared/device/registry.ts'
import { denseAround } from '../../shared/drivers/svm/density.ts'
import type { MigrationPolicy } from '../../shared/drivers/svm.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { A, area, RW } from '../support/addressspace.ts'
import { type Gpu, gpu } from '../support/gpu.ts'

const ALONE: MigrationPolicy = { name: 'alone', onFault: ({ vpn }) => ({ do: 'migrate', first: vpn, pages: 1 }) }

/** First and last page, from A, of what would move with page A + i. */
function around(the: Gpu, i: number, within: readonly [number, number], most = 512): [number, number] {
  const { dev } = boundDriver(the.task, 0)
  const [mirror] = the.mirrors
  if (mirror === undefined) throw new Error('a device mirrors')
  dev.lock(mirror)
  const span = denseAround(dev, mirror, A + i, { first: A + within[0], last: A + within[1] }, most)
  dev.unlock(mirror)
  return [span.first - A, span.last - A]
}

t.test('a stream: 16 pages at first, then twice as many as there are', (t) => {
  const the = gpu({ memory: [2048] })
  area(the.task, the.mm, A, 512, RW)
  const moved: number[] = []
  for (let i = 0; i < 512; ) {
    const before = the.count('migrations')
    t.equal(the.fault(i), 'ok')
    the.replay()
    moved.push(the.count('migrations') - before)
    while (i < 512 && the.mapped(i, 1)[0] !== '-') i++
  }
  t.same(moved, [16, 16, 32, 64, 128, 256], 'six faults for 2 MiB')
  t.equal(the.count('prefetched'), 512 - 6)
  t.same(the.close(), [])
  t.end()
})

for (const era of ERAS_THERE) {
  t.test(`${era}: the neighbours come along`, (t) => {
    const the = gpu({ memory: [256], era })
    area(the.task, the.mm, A + 3, 50, RW)
    t.equal(the.fault(5), 'ok')
    t.same(the.mapped(0, 24), [...Array(3).fill('-'), ...Array(13).fill('dev rw'), ...Array(8).fill('-')])
    t.same(the.close(), [])
    t.end()
  })
}

t.test('no more than there is room for', (t) => {
  const the = gpu({ memory: [64] })
  area(the.task, the.mm, A, 512, RW)
  t.same(around(the, 40, [0, 511], 8), [40, 40])
  t.same(around(the, 40, [0, 511], 16), [32, 47])
  t.same(the.close(), [])
  t.end()
})

t.test('any set of pages', (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(127), { maxLength: 100 }),
      fc.nat(127),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 100, max: 127 }),
      (there, at, first, last) => {
        fc.pre(at >= first && at <= last && !there.includes(at))
        const the = gpu({ memory: [512], policy: ALONE })
        area(the.task, the.mm, A + first, last - first + 1, RW)
        const inside = there.filter((page) => page >= first && page <= last)
        for (const page of inside) the.fault(page)
        const expected = byHand(new Set(inside), at, first, last)
        const got = around(the, at, [first, last])
        the.close()
        return got.join() === expected.join()
      },
    ),
    { seed: 2, numRuns: 40 },
  )
  t.end()
})

/** The largest power-of-two neighbourhood that is dense enough, counted page by page. */
function byHand(there: ReadonlySet<number>, at: number, first: number, last: number): [number, number] {
  const big = Math.floor(at / 16)
  let best: [number, number] = [0, 0]
  for (const size of [16, 32, 64, 128, 256, 512]) {
    const start = Math.floor(at / size) * size
    const pages = Array.from({ length: size }, (_, i) => start + i).filter((page) => page >= first && page <= last)
    const occupied = pages.filter((page) => there.has(page) || Math.floor(page / 16) === big)
    if (size === 16 || occupied.length / pages.length > 0.51) best = [pages[0] as number, pages.at(-1) as number]
  }
  return best
}
