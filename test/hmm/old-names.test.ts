/** Do the calls of 4.14 to 5.1 do over the ranges of 2019 what they did? */
import t from 'tap'
import { hmmVmaFault, hmmVmaRangeDone } from '../../shared/hmm/oldnames.ts'
import { EAGAIN, EBUSY, EFAULT } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { A, area, RW, store } from '../support/addressspace.ts'
import { type Ranged, ranged, V, W } from '../support/ranged.ts'

/** One old fault of two pages: its result, whether mmap_sem is held, and the range's state. */
function oldFault(r: Ranged, requests: readonly bigint[]): [number, boolean, string] {
  for (const [i, request] of requests.entries()) r.array()[i] = request
  const { result, held } = r.locked(() => hmmVmaFault(r.task, r.range, { mirror: r.mirror, start: A, pages: 2 }, true, 1))
  return [result, held, r.state()]
}

t.test('hmm_vma_fault: 0, and the range is registered until hmm_vma_range_done', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 2, RW)
  t.same(oldFault(r, [V | W, V]), [0, true, 'filled'])
  t.same(r.see(), ['VW', 'V'])
  t.equal(hmmVmaRangeDone(r.task, r.range), true)
  t.equal(r.state(), 'idle')
  t.same(oldFault(r, [V, V]), [0, true, 'filled'])
  r.start(A)()
  t.equal(hmmVmaRangeDone(r.task, r.range), false, 'an invalidation came between')
  t.same(r.end(), [])
  t.end()
})

t.test('hmm_vma_fault: -EAGAIN after the timeout, -EBUSY to begin again: mmap_sem is gone, and so is the range', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 2, RW)
  store(r.task, A, 1)
  const end = r.start(A)
  t.same(oldFault(r, [V, V]), [-EAGAIN, false, 'idle'])
  end()
  const child = fork(r.task, r.mm, 2)
  t.same(oldFault(r, [V | W, V]), [-EBUSY, false, 'idle'], 'its own copy invalidated it')
  mmPut(r.task, child)
  t.same(r.end(), [])
  t.end()
})

t.test('hmm_vma_fault: other errors as they are, with mmap_sem held', (t) => {
  const r = ranged()
  t.same(oldFault(r, [V, V]), [-EFAULT, true, 'idle'])
  t.same(r.end(), [])
  t.end()
})
