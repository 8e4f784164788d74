/** Who makes which access of a trace? Blocks of 64 in turn, the devices' share evenly spread; or whom the trace names. */
import t from 'tap'
import type { TraceAccess } from '../../src/trace/access.ts'
import { Dealer } from '../../src/trace/deal.ts'

const LOAD: TraceAccess = { op: 'load', page: 1, offset: 0, size: 4 }
const FETCH: TraceAccess = { ...LOAD, op: 'fetch' }

/** Consumers of `blocks` blocks of loads, one number for each: each block has one. */
function blocks(t: { equal(a: unknown, b: unknown): unknown }, dealer: Dealer, count: number): unknown[] {
  return Array.from({ length: count }, () => {
    const given = new Set(Array.from({ length: 64 }, () => dealer.consumer(LOAD)))
    t.equal(given.size, 1)
    return [...given][0]
  })
}

t.test('half of the blocks to devices, each kind in turn', async (t) => {
  t.same(blocks(t, new Dealer(2, [0, 1], 0.5), 8), [0, 2, 1, 3, 0, 2, 1, 3])
})

t.test('other shares, evenly spread', async (t) => {
  t.same(blocks(t, new Dealer(1, [0], 0.25), 8), [0, 0, 0, 1, 0, 0, 0, 1])
  t.same(blocks(t, new Dealer(2, [0, 1], 0), 4), [0, 1, 0, 1])
  t.same(blocks(t, new Dealer(2, [0, 1], 1), 4), [2, 3, 2, 3])
  const dealt = blocks(t, new Dealer(3, [0], 0.1), 1000)
  t.equal(dealt.filter((one) => one === 3).length, 100)
})

t.test('devices whose engines make no accesses get none', async (t) => {
  t.same(blocks(t, new Dealer(1, [1], 0.5), 4), [0, 2, 0, 2], 'device 0 is left out')
  t.same(blocks(t, new Dealer(2, [], 0.5), 4), [0, 1, 0, 1])
})

t.test('fetches go to the cpu of the last block, and count for no block', async (t) => {
  const dealer = new Dealer(2, [0], 0.5)
  t.equal(dealer.consumer(FETCH), 0)
  t.same(blocks(t, dealer, 3), [0, 2, 1])
  t.same(
    Array.from({ length: 200 }, () => dealer.consumer(FETCH)).filter((one) => one !== 1),
    [],
  )
  t.same(blocks(t, dealer, 1), [2])
  t.equal(dealer.consumer(FETCH), 1, 'while a device works')
})

t.test('a trace that names actors', async (t) => {
  const dealer = new Dealer(2, [1], 0.5)
  const by = (kind: 'cpu' | 'dev', index?: number) =>
    dealer.consumer({ ...LOAD, actor: index === undefined ? { kind } : { kind, index } })
  t.equal(by('cpu', 1), 1)
  t.equal(by('dev', 1), 3)
  t.equal(by('dev'), 3)
  t.same([...Array.from({ length: 65 }, () => by('cpu'))].slice(62), [0, 0, 1])
  t.equal(by('cpu', 2), 'there is no cpu 2: the machine has 2 (--cpus)')
  t.equal(by('dev', 0), 'there is no device 0 that makes accesses of its own (--devices)')
  t.equal(
    new Dealer(2, [], 0).consumer({ ...LOAD, actor: { kind: 'dev' } }),
    'no device of this machine makes accesses of its own (--devices)',
  )
})
