/**
 * Does a driver get its entries in its own layout, whatever that is, in place? Random layouts, bits 63 and 62 among them, against a
 * reference in 64-bit numbers; what cannot be a layout is refused with the reason.
 */
import fc from 'fast-check'
import t from 'tap'
import { detachDevice } from '../../shared/device/attach.ts'
import { type Frame, NO_FRAME } from '../../shared/frame/frames.ts'
import { LINUX_FORMAT, type PfnFormat } from '../../shared/hmm/encoding.ts'
import {
  hmmDeviceEntryFromPfn,
  hmmDeviceEntryToPage,
  hmmPfnFromPage,
  hmmPfnToPage,
  hmmPfnToPfn,
  NO_PFN,
  rangePfns,
} from '../../shared/hmm/pfn.ts'
import { rangeRegister, rangeUnregister, rangeWait } from '../../shared/hmm/protocol.ts'
import { createRange, freeRange, type Range, rangePfnAt, rangeRequest } from '../../shared/hmm/range.ts'
import { rangeFault } from '../../shared/hmm/rangefault.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { mmapSem } from '../../shared/notifier/mmhead.ts'
import { get } from '../../shared/seam/plain.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downRead, upRead } from '../../shared/sync/rwsem.ts'
import { A, area, frameOf, newSpace, RO, RW, store } from '../support/addressspace.ts'
import { open, RECORDS } from '../support/mirrored.ts'
import { solo } from '../support/solo.ts'

const ALL = (1n << 64n) - 1n

/** A layout: a place for the frame, and each other bit given to one flag, or to none. */
const layouts: fc.Arbitrary<PfnFormat> = fc
  .record({
    pfnShift: fc.integer({ min: 0, max: 44 }),
    owners: fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 64, maxLength: 64 }),
    // Two bits for each flag that come from anywhere: the top ones as often as all others together.
    own: fc.uniqueArray(fc.oneof(fc.constantFrom(63, 62, 61), fc.integer({ min: 0, max: 63 })), { minLength: 6, maxLength: 6 }),
    flagsUsed: fc.constantFrom(0b111, 0b110, 0b101, 0b100),
    sameValues: fc.boolean(),
  })
  .map(({ pfnShift, owners, own, flagsUsed, sameValues }) => {
    const free = (bit: number) => bit < pfnShift || bit >= pfnShift + 20
    const bits = (flag: number) =>
      owners.reduce(
        (sum, owner, bit) => (owner === flag && free(bit) && !own.includes(bit) ? sum | (1n << BigInt(bit)) : sum),
        0n,
      )
    const spare = Array.from({ length: 64 }, (_, bit) => bit).filter(free)
    const take = (at: number) => 1n << BigInt(free(own[at] as number) ? (own[at] as number) : (spare[at] as number))
    const valid = bits(0) | take(0)
    const write = (flagsUsed & 2) === 0 ? 0n : (bits(1) | take(1)) & ~valid
    const devicePrivate = (flagsUsed & 1) === 0 ? 0n : (bits(2) | take(2)) & ~(valid | write)
    const none = ALL & ~valid & ~(1n << BigInt(pfnShift))
    const error = none ^ (1n << BigInt(pfnShift))
    return {
      valid,
      write,
      devicePrivate,
      none,
      error,
      special: sameValues ? error : error ^ (1n << BigInt(pfnShift + 1)),
      pfnShift,
    }
  })

t.test('a fault fills the array in the layout of the driver, in place', (t) => {
  const { task, leftovers } = solo({ drivers: [RECORDS] })
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  area(task, mm, A + 4, 1, RO)
  store(task, A, 7)
  store(task, A + 3, 9)
  const mirror = open(task, mm)
  fc.assert(
    fc.property(layouts, (format) => {
      const range = createRange(task, 8, format)
      const pfns = rangePfns(task, range)
      t.same(rangeRegister(task, range, mirror, A, 5), 0)
      // A stale array, of which the mask lets the request of page 0 through.
      pfns.fill(ALL, 0, 5)
      pfns[0] = format.valid
      pfns[3] = 0n
      rangeRequest(task, range, 0n, ALL)
      pfns.fill(0n, 1, 3)
      pfns[4] = format.valid
      fillOnce(task, range, mm)
      const entry = (vpn: number, flags: bigint) => (BigInt(frameOf(task, mm, vpn)) << BigInt(format.pfnShift)) | flags
      const rw = format.valid | format.write
      const wanted = [entry(A, rw), format.none, format.none, entry(A + 3, rw), entry(A + 4, format.valid)]
      const right = wanted.every((value, i) => pfns[i] === value)
      rangeUnregister(task, range)
      freeRange(task, range)
      return right
    }),
    { numRuns: 300, seed: 1 },
  )
  detachDevice(task, mirror)
  mmPut(task, mm)
  t.same(leftovers(), [])
  t.end()
})

function fillOnce(task: Parameters<typeof open>[0], range: Range, mm: Parameters<typeof open>[1]): void {
  rangeWait(task, range)
  downRead(task, mmapSem(mm), MMAP_SEM)
  rangeFault(task, range)
  upRead(task, mmapSem(mm))
}

t.test('an entry gives back the frame it was made from; a value gives none', (t) => {
  const { task, leftovers } = solo()
  fc.assert(
    fc.property(layouts, fc.integer({ min: 0, max: 0xfffff }), (format, pfn) => {
      const range = createRange(task, 1, format)
      const at = rangePfnAt(task, range, 0)
      const entry = () => [get(task, at), get(task, at + 1)] as const
      hmmPfnFromPage(task, range, pfn as Frame, at)
      const expected = (BigInt(pfn) << BigInt(format.pfnShift)) | format.valid
      const made = rangePfns(task, range)[0] === expected
      const back = hmmPfnToPage(task, range, ...entry()) === pfn && hmmPfnToPfn(task, range, ...entry()) === pfn
      hmmDeviceEntryFromPfn(task, range, pfn, at)
      const later = hmmDeviceEntryToPage(task, range, ...entry()) === pfn
      const values = [format.none, format.error, format.special ?? format.error, expected & ~format.valid]
      const nothing = values.every((value) => {
        rangePfns(task, range)[0] = value
        return hmmPfnToPage(task, range, ...entry()) === NO_FRAME && hmmPfnToPfn(task, range, ...entry()) === NO_PFN
      })
      freeRange(task, range)
      return made && back && later && nothing
    }),
    { numRuns: 500, seed: 2 },
  )
  t.same(leftovers(), [])
  t.end()
})

/** Formats of drivers that were. */
const REAL: readonly [string, PfnFormat][] = [
  ['Linux 5.8', LINUX_FORMAT],
  ['the example of March 2019', { valid: 1n << 63n, write: 1n << 62n, none: 0n, error: 1n << 61n, pfnShift: 12 }],
  [
    'amdgpu: does not care about device memory',
    { valid: 1n, write: 2n, devicePrivate: 0n, none: 0n, error: ALL - 1n, special: ALL - 3n, pfnShift: 12 },
  ],
  [
    'mlx5: the value for ERROR has the bit of VALID',
    { valid: 1n, write: 2n, devicePrivate: 4n, none: 0n, error: ALL, special: ALL - 1n, pfnShift: 12 },
  ],
  ['nouveau: a write flag of two bits', { valid: 1n, write: 3n, devicePrivate: 4n, none: 0n, error: ALL - 1n, pfnShift: 12 }],
]

t.test('layouts of drivers that were are taken', (t) => {
  const { task } = solo()
  for (const [name, format] of REAL) {
    const range = createRange(task, 1, format)
    for (const value of [format.error, format.special ?? format.error, format.none]) {
      rangePfns(task, range)[0] = value
      const at = rangePfnAt(task, range, 0)
      t.equal(hmmPfnToPage(task, range, get(task, at), get(task, at + 1)), NO_FRAME, name)
    }
    freeRange(task, range)
  }
  t.end()
})

t.test('a layout that contradicts itself is refused with the reason', (t) => {
  const { task } = solo()
  const good = REAL[1]?.[1] as PfnFormat
  const cases: readonly [Partial<PfnFormat>, RegExp][] = [
    [{ valid: 0n }, /flags for VALID must not be 0/],
    [{ none: good.error }, /NONE and ERROR must differ/],
    [{ special: 0n }, /NONE and SPECIAL must differ/],
    [{ none: good.valid }, /NONE must not look valid/],
    [{ error: good.valid | (5n << 12n) }, /value for ERROR could be the entry of a page/],
    [{ special: good.valid | good.write }, /value for SPECIAL could be the entry of a page/],
    [{ write: good.valid }, /flags for WRITE need a bit/],
    [{ devicePrivate: good.write }, /flags for (WRITE|DEVICE_PRIVATE) need a bit/],
    [{ write: 1n << 12n }, /leave 20 bits from pfnShift on/],
    [{ pfnShift: 45 }, /pfnShift must be an integer from 0 to 44/],
    [{ pfnShift: 1.5 }, /pfnShift must be an integer/],
    [{ write: 1n << 64n }, /write must have 64 bits/],
    [{ none: -1n }, /none must have 64 bits/],
  ]
  for (const [change, reason] of cases) t.throws(() => createRange(task, 1, { ...good, ...change }), reason)
  t.end()
})
