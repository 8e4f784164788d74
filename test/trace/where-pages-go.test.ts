/** Where do the pages of a trace go? Each to a place of its own, the same every time, with its neighbours; emptiness is folded away. */
import fc from 'fast-check'
import t from 'tap'
import { SLOT_PAGES } from '../../shared/seam/trace.ts'
import { AddressFold, NO_PLACE } from '../../src/trace/fold.ts'

/** Pages of 64-bit addresses, many of them close together. */
const somePages = fc
  .array(fc.tuple(fc.constantFrom(0, 1, 0x401, 0x1fff, 0x7ffff7d, 2 ** 36 - 1), fc.integer({ min: 0, max: 3 * SLOT_PAGES })), {
    minLength: 1,
    maxLength: 200,
  })
  .map((pairs) => pairs.map(([slot, page]) => Math.min(slot * SLOT_PAGES + page, 2 ** 52 - 1)))

t.test('places are distinct, lasting and in slots of their own', async () => {
  fc.assert(
    fc.property(somePages, (pages) => {
      const fold = new AddressFold()
      const places = new Map<number, number>()
      for (const page of pages) {
        const vpn = fold.place(page)
        if (fold.touch(vpn) !== !places.has(page)) return false
        if (places.has(page) && places.get(page) !== vpn) return false
        places.set(page, vpn)
        if (vpn < SLOT_PAGES || vpn % SLOT_PAGES !== page % SLOT_PAGES) return false
      }
      return new Set(places.values()).size === places.size && fold.pages === places.size
    }),
    { seed: 1, numRuns: 200 },
  )
})

t.test('slots are given in the order of first use', async (t) => {
  const fold = new AddressFold()
  t.equal(fold.place(0x7fff_f7ff), 1 * SLOT_PAGES + 0xf7ff)
  t.equal(fold.place(0x401), 2 * SLOT_PAGES + 0x401)
  t.equal(fold.place(0x7fff_f800), 1 * SLOT_PAGES + 0xf800)
})

t.test('2 MiB are mapped at the first touch, once; neighbours are one area', async (t) => {
  const fold = new AddressFold()
  const touch = (page: number) => fold.needsMapping(fold.place(page))
  t.same([touch(0x401), touch(0x402), touch(0x5ff)], [true, false, false])
  t.equal(fold.areas, 1)
  t.equal(touch(0x600), true)
  t.equal(fold.areas, 1)
  t.equal(touch(0xa00), true)
  t.equal(fold.areas, 2)
  t.equal(touch(SLOT_PAGES - 1), true)
  t.equal(touch(2 * SLOT_PAGES - 1), true)
  t.equal(touch(5 * SLOT_PAGES), true)
  t.equal(fold.areas, 4, 'the end of one slot and the start of the next one given are neighbours')
})

t.test('there is an end to the slots', async (t) => {
  const fold = new AddressFold()
  const places = Array.from({ length: 5000 }, (_, i) => fold.place(i * 7 * SLOT_PAGES))
  t.equal(places.indexOf(NO_PLACE), 4096)
  t.equal(fold.place(0), SLOT_PAGES, 'those that have a place keep it')
})
