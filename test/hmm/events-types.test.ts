/**
 * What is an event of 2016? Its types and their numbers, what becomes of an entry, where it ends, and when two meet: section 2.2 of
 * the posting's rules, with the names that the review asked for (HMM_DEVICE_READ_FAULT, not _RFAULT).
 */
import t from 'tap'
import {
  etypeName,
  eventsOverlap,
  HMM_COPY_FROM_DEVICE,
  HMM_COPY_TO_DEVICE,
  HMM_DEVICE_READ_FAULT,
  HMM_DEVICE_WRITE_FAULT,
  HMM_FORK,
  HMM_MIGRATE,
  HMM_MUNMAP,
  HMM_NONE,
  HMM_WRITE_PROTECT,
  type HmmEvent,
  hmmEventInit,
  VM_END,
} from '../../shared/hmm/event.ts'
import { MIRROR_WRITE } from '../../shared/hmm/mirrorpte.ts'
import { EINVAL } from '../../shared/memory/errno.ts'

const ALL = -1
/** Number, name, what stays of an entry. */
const TYPES = [
  [1, 'HMM_FORK', HMM_FORK, ~MIRROR_WRITE],
  [2, 'HMM_MIGRATE', HMM_MIGRATE, 0],
  [3, 'HMM_MUNMAP', HMM_MUNMAP, 0],
  [4, 'HMM_DEVICE_READ_FAULT', HMM_DEVICE_READ_FAULT, ALL],
  [5, 'HMM_DEVICE_WRITE_FAULT', HMM_DEVICE_WRITE_FAULT, ALL],
  [6, 'HMM_WRITE_PROTECT', HMM_WRITE_PROTECT, ~MIRROR_WRITE],
  [7, 'HMM_COPY_FROM_DEVICE', HMM_COPY_FROM_DEVICE, ALL],
  [8, 'HMM_COPY_TO_DEVICE', HMM_COPY_TO_DEVICE, ALL],
] as const

for (const [number, name, etype, pteMask] of TYPES) {
  t.test(`${name}: its number, and what stays of an entry`, (t) => {
    t.same([etype, etypeName(etype)], [number, name])
    t.same(hmmEventInit(5, 9, etype), { etype, start: 5, end: 9, pteMask, blockable: true })
    t.end()
  })
}

t.test('an event ends where address spaces end', (t) => {
  t.equal((hmmEventInit(0, VM_END + 5, HMM_MUNMAP) as HmmEvent).end, VM_END)
  t.equal((hmmEventInit(VM_END - 1, 2 * VM_END, HMM_MUNMAP) as HmmEvent).end, VM_END)
  t.end()
})

t.test('an event that is empty, behind the end, or of no type there is, is refused', (t) => {
  t.same(
    [
      hmmEventInit(5, 5, HMM_MUNMAP),
      hmmEventInit(6, 5, HMM_MUNMAP),
      hmmEventInit(VM_END, VM_END + 1, HMM_MUNMAP),
      hmmEventInit(-1, 5, HMM_MUNMAP),
      hmmEventInit(5, 9, HMM_NONE),
      hmmEventInit(5, 9, 9),
    ],
    [-EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL],
  )
  t.end()
})

t.test('events meet in a common page; neighbours do not', (t) => {
  const pages = (start: number, end: number) => ({ start, end })
  t.same(
    [
      eventsOverlap(pages(0, 4), pages(4, 8)),
      eventsOverlap(pages(4, 8), pages(0, 4)),
      eventsOverlap(pages(0, 5), pages(4, 8)),
      eventsOverlap(pages(0, 9), pages(4, 5)),
      eventsOverlap(pages(4, 5), pages(0, 9)),
    ],
    [false, false, true, true, true],
  )
  t.end()
})
