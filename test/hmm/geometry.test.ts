/**
 * How many levels has a table, and what does each span? The rows of the table in shared/hmm/geometry.ts, every `last` against the
 * rule written down a second time, and the first and last page of every directory and entry.
 */
import t from 'tap'
import {
  DIRECTORY_ENTRIES,
  directoryFirst,
  directoryIndex,
  directoryLast,
  entryFirst,
  entryLast,
  type Geometry,
  geometryFor,
  geometryForAddress,
  MAX_LEVELS,
} from '../../shared/hmm/geometry.ts'

const ROWS = [
  { name: '2^48 - 1', last: 2 ** 48 - 1, shift: [39, 30, 21, 12], leafLevel: 3, rootEntries: 512 },
  { name: '2^48, the mistake', last: 2 ** 48, shift: [48, 39, 30, 21, 12], leafLevel: 4, rootEntries: 2 },
  { name: '2^47 - 1', last: 2 ** 47 - 1, shift: [39, 30, 21, 12], leafLevel: 3, rootEntries: 256 },
  { name: '2^44 - 1', last: 2 ** 44 - 1, shift: [39, 30, 21, 12], leafLevel: 3, rootEntries: 32 },
  { name: '2^32 - 1', last: 2 ** 32 - 1, shift: [30, 21, 12], leafLevel: 2, rootEntries: 4 },
]

for (const { name, last, ...wanted } of ROWS) {
  t.test(`a table up to ${name}`, (t) => {
    const { shift, leafLevel, rootEntries } = geometryForAddress(last)
    t.same({ shift, leafLevel, rootEntries }, wanted)
    t.end()
  })
}

/** The rule of the series in its own terms, with big numbers: from the index of the top bit of the highest page number. */
function ruled(lastAddress: bigint): Pick<Geometry, 'shift' | 'leafLevel' | 'rootEntries'> {
  const page = lastAddress >> 12n
  const top = page === 0n ? 0 : page.toString(2).length - 1
  const shift = [Math.floor(top / 9) * 9 + 12]
  while ((shift.at(-1) as number) > 12) shift.push((shift.at(-1) as number) - 9)
  return { shift, leafLevel: shift.length - 1, rootEntries: Number(lastAddress >> BigInt(shift[0] as number)) + 1 }
}

t.test('every power of two, one less and one more, up to the last 64-bit address', (t) => {
  for (let bits = 0n; bits <= 64n; bits++) {
    for (const last of [2n ** bits - 1n, 2n ** bits, 2n ** bits + 1n, 2n ** bits + 4096n]) {
      if (last >= 2n ** 64n) continue
      const { shift, leafLevel, rootEntries } = geometryForAddress(last)
      t.same({ shift, leafLevel, rootEntries }, ruled(last), `last = ${last}`)
      t.ok(leafLevel < MAX_LEVELS && rootEntries <= DIRECTORY_ENTRIES)
    }
  }
  t.end()
})

t.test('the highest address is rounded up to the last byte of its page', (t) => {
  for (const last of [2 ** 30, 2 ** 30 + 1, 2 ** 30 + 4095]) t.equal(geometryForAddress(last).last, 2 ** 18)
  t.equal(geometryForAddress(2 ** 30 - 1).last, 2 ** 18 - 1)
  t.equal(geometryForAddress(0).last, 0, 'page 0 is there, whatever the address in it')
  t.equal(geometryForAddress(0).leafLevel, 0, 'and its entry lies in the root')
  t.end()
})

t.test('a table that reaches further than six levels is refused', (t) => {
  t.equal(geometryFor(2 ** 52 - 1).leafLevel, 5, 'all of 64 bits')
  t.throws(() => geometryFor(2 ** 53), { message: /natural number/ })
  t.throws(() => geometryFor(-1), { message: /natural number/ })
  t.throws(() => geometryFor(1.5), { message: /natural number/ })
  t.end()
})

t.test('a level-i entry is one level-i+1 directory, and both end at the last page of all', (t) => {
  for (const geometry of [geometryForAddress(2 ** 48), geometryForAddress(2 ** 48 - 1), geometryForAddress(2 ** 44 + 2 ** 31)]) {
    for (const vpn of [0, 1, 511, 512, 513, 2 ** 18 - 1, 2 ** 18, 2 ** 27 - 1, 2 ** 27 + 5, 2 ** 32 + 7, geometry.last]) {
      t.equal(directoryFirst(geometry, vpn, 0), 0)
      t.equal(directoryLast(geometry, vpn, 0), geometry.last, 'the root spans all')
      for (let level = 0; level <= geometry.leafLevel; level++) {
        const first = entryFirst(geometry, vpn, level)
        const last = entryLast(geometry, vpn, level)
        t.ok(first <= vpn && vpn <= last && last <= geometry.last)
        t.equal(last - first + 1, Math.min(geometry.span[level] as number, geometry.last - first + 1))
        if (level === geometry.leafLevel) continue
        t.equal(directoryFirst(geometry, vpn, level + 1), first)
        t.equal(directoryLast(geometry, vpn, level + 1), last)
      }
    }
  }
  t.end()
})

t.test('indexes count up, one for each entry, and start again in the next directory', (t) => {
  const geometry = geometryForAddress(2 ** 48 - 1)
  t.equal(directoryIndex(geometry, geometry.last, 0), 511)
  t.same(
    [0, 1, 2, 3].map((level) => directoryIndex(geometry, 2 ** 27 + 2 * 2 ** 18 + 3 * 2 ** 9 + 4, level)),
    [1, 2, 3, 4],
  )
  t.equal(directoryIndex(geometry, 511, 3), 511)
  t.equal(directoryIndex(geometry, 512, 3), 0)
  t.equal(directoryIndex(geometryForAddress(2 ** 48), 2 ** 36, 0), 1, 'the second root entry is there for one page')
  t.end()
})
