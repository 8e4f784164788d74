/**
 * Page entries, row by row of the table of layouts: each bit where its version of the series has it, five helpers for each, the
 * encoders and what the decoders say about entries of another kind; and that no helper loses what another one does meanwhile.
 */
import t from 'tap'
import type { Frame } from '../../shared/frame/frames.ts'
import {
  type DevAddr,
  type DmaAddr,
  hmmPteClearBit,
  hmmPteClearWrite,
  hmmPteDevAddr,
  hmmPteDmaAddr,
  hmmPteFromDevAddr,
  hmmPteFromDmaAddr,
  hmmPteFromPfn,
  hmmPtePfn,
  hmmPteSetBit,
  hmmPteSetDirty,
  hmmPteTestAndClearBit,
  hmmPteTestAndSetBit,
  hmmPteTestBit,
  hmmPteTestDirty,
  hmmPteTestWrite,
  MIRROR_HW_SHIFT,
  MIRROR_VALID,
  type MirrorPte,
  NO_DEV_ADDR,
} from '../../shared/hmm/mirrorpte.ts'
import { hmmPteHelpers } from '../../shared/hmm/ptehelpers.ts'
import { PTE_LAYOUTS, type PteBit, type PteLayout } from '../../shared/hmm/ptelayout.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import type { WordAt } from '../../shared/memory/words.ts'
import { atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import type { Task } from '../../shared/seam/task.ts'
import { everyPreemption } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

/** The table of the spec: a column for each version. */
const ROWS: readonly (readonly [bit: PteBit | 'hwShift', v3: number | null, deviceMemory: number | null, v12: number | null])[] =
  [
    ['ValidDev', null, 0, 0],
    ['ValidDma', 0, 1, 1],
    ['ValidPfn', 1, 2, 2],
    ['Select', null, null, 3],
    ['Write', 2, 3, 4],
    ['Dirty', 3, 4, 5],
    ['hwShift', 4, 8, 8],
  ]
const VERSIONS = ['v3', 'deviceMemory', 'v12'] as const

const { task, other } = solo()
/** A word that is nobody's on a machine without a workload. */
const at: WordAt = regionAt(task.words, 'programs')

function write(value: number): void {
  atomicStore(task, at, value)
}

type Helpers = Readonly<Record<string, (task: Task, at: WordAt) => boolean | undefined>>

for (const [row, ...columns] of ROWS) {
  for (const [i, version] of VERSIONS.entries()) {
    const layout: PteLayout = PTE_LAYOUTS[version] as PteLayout
    const wanted = columns[i] ?? null
    t.test(`${row} in ${version}: ${wanted === null ? 'not there' : `bit ${wanted}`}`, (t) => {
      t.equal((row === 'hwShift' ? layout.hwShift : layout.bits[row]) ?? null, wanted)
      t.end()
    })
    if (row === 'hwShift') continue
    t.test(`the helpers of ${row} in ${version}`, (t) => {
      const helpers = hmmPteHelpers(layout) as unknown as Helpers
      t.equal(`hmmPteTest${row}` in helpers, wanted !== null)
      if (wanted === null) {
        t.end()
        return
      }
      const call = (name: string) => helpers[`hmmPte${name}${row}`]?.(task, at)
      for (const rest of [0, ~(1 << wanted)]) {
        write(rest)
        const value = () => atomicLoad(task, at)
        t.same([call('Test'), value()], [false, rest])
        t.same([call('Set'), value()], [undefined, rest | (1 << wanted)])
        t.same([call('Test'), call('TestAndSet'), value()], [true, true, rest | (1 << wanted)])
        t.same([call('TestAndClear'), value()], [true, rest])
        t.same([call('TestAndClear'), value()], [false, rest])
        t.same([call('TestAndSet'), value()], [false, rest | (1 << wanted)])
        t.same([call('Clear'), value()], [undefined, rest])
      }
      t.end()
    })
  }
}

t.test('no two names share a bit, and none lies among the driver bits', (t) => {
  for (const version of VERSIONS) {
    const { bits, hwShift } = PTE_LAYOUTS[version] as PteLayout
    const numbers = Object.values(bits)
    t.equal(new Set(numbers).size, numbers.length, version)
    t.ok(Math.max(...numbers) < hwShift && hwShift < 12, version)
  }
  t.end()
})

t.test('in every version the address is what lies above the page offset', (t) => {
  const layouts: readonly PteLayout<'ValidPfn'>[] = VERSIONS.map((version) => PTE_LAYOUTS[version])
  for (const layout of layouts) {
    const { hmmPteFromPfn, hmmPtePfn } = hmmPteHelpers(layout)
    const pte = hmmPteFromPfn(0xabc as Frame)
    t.equal(pte, 0xabc000 + (1 << layout.bits.ValidPfn))
    t.equal(hmmPtePfn((pte | 0xfff) as MirrorPte), 0xabc, 'whatever is set below')
  }
  t.end()
})

t.test('raw bits: the driver has those from HW_SHIFT to the page number', (t) => {
  for (let bit = MIRROR_HW_SHIFT; bit < 12; bit++) {
    write(hmmPteFromPfn(0xabc as Frame))
    t.equal(hmmPteTestAndSetBit(task, at, bit), false)
    t.equal(hmmPteTestBit(task, at, bit), true)
    t.equal(hmmPtePfn(atomicLoad(task, at) as MirrorPte), 0xabc, 'the page is what it was')
    t.equal(hmmPteTestAndClearBit(task, at, bit), true)
    hmmPteSetBit(task, at, bit)
    hmmPteClearBit(task, at, bit)
    t.equal(atomicLoad(task, at), hmmPteFromPfn(0xabc as Frame))
  }
  t.throws(() => hmmPteSetBit(task, at, 32), { message: /32 bits/ })
  t.end()
})

t.test('hmmPteFromPfn, hmmPtePfn: the page number, or 0 unless it is a system page', (t) => {
  for (const pfn of [0, 1, 0xfffff] as Frame[]) t.equal(hmmPtePfn(hmmPteFromPfn(pfn)), pfn)
  for (const pte of [0, hmmPteFromDmaAddr(0x5000 as DmaAddr), hmmPteFromDevAddr(0x5000 as DevAddr)])
    t.equal(hmmPtePfn(pte as MirrorPte), 0)
  t.end()
})

t.test('hmmPteFromDmaAddr, hmmPteDmaAddr: the address, or 0 unless it is one on the bus', (t) => {
  for (const addr of [0, 0x1000, 0xfffff000] as DmaAddr[]) t.equal(hmmPteDmaAddr(hmmPteFromDmaAddr(addr)), addr)
  t.equal(hmmPteDmaAddr(hmmPteFromDmaAddr(0x1abc as DmaAddr)), 0x1000, 'address bits only')
  for (const pte of [0, hmmPteFromPfn(5 as Frame), hmmPteFromDevAddr(0x5000 as DevAddr)])
    t.equal(hmmPteDmaAddr(pte as MirrorPte), 0)
  t.throws(() => hmmPteFromDmaAddr((2 ** 32) as DmaAddr), { message: /32 bits/ })
  t.end()
})

t.test('hmmPteFromDevAddr, hmmPteDevAddr: the address, or all ones unless it is in device memory', (t) => {
  for (const addr of [0, 0x1000, 0xfffff000] as DevAddr[]) t.equal(hmmPteDevAddr(hmmPteFromDevAddr(addr)), addr)
  for (const pte of [0, hmmPteFromPfn(5 as Frame), hmmPteFromDmaAddr(0x5000 as DmaAddr)])
    t.equal(hmmPteDevAddr(pte as MirrorPte), NO_DEV_ADDR)
  t.end()
})

t.test('an encoder sets exactly one valid bit', (t) => {
  const made = [hmmPteFromPfn(7 as Frame), hmmPteFromDmaAddr(0x7000 as DmaAddr), hmmPteFromDevAddr(0x7000 as DevAddr)]
  t.same(made, [0x7000 + (1 << 2), 0x7000 + (1 << 1), 0x7000 + (1 << 0)], 'valid_pfn, valid_dma, valid_dev of v12')
  for (const pte of made) t.equal(((pte & MIRROR_VALID) - 1) & pte & MIRROR_VALID, 0)
  t.equal(new Set(made).size, 3)
  t.end()
})

t.test('kinds of page cannot be mixed: none of these compiles', (t) => {
  const refused = () => {
    // @ts-expect-error: a bus address is no page number
    hmmPteFromPfn(0x1000 as DmaAddr)
    // @ts-expect-error: a page number is no bus address
    hmmPteFromDmaAddr(5 as Frame)
    // @ts-expect-error: an address in device memory is none on the bus
    hmmPteFromDmaAddr(0x1000 as DevAddr)
    // @ts-expect-error: an entry made of a bus address holds no page number
    hmmPtePfn(hmmPteFromDmaAddr(0x1000 as DmaAddr))
    // @ts-expect-error: nor one made of a page number a bus address
    hmmPteDmaAddr(hmmPteFromPfn(5 as Frame))
    // @ts-expect-error: version 3 has no select bit
    hmmPteHelpers(PTE_LAYOUTS.v3).hmmPteTestSelect(task, at)
    // @ts-expect-error: and no device memory
    hmmPteHelpers(PTE_LAYOUTS.v3).hmmPteDevAddr
  }
  t.type(refused, 'function')
  t.end()
})

/** The device marks an entry dirty, while the runtime takes the write right from it: in front of each access, once. */
function dirtyMeetsWriteProtect(protect: (task: Task) => void): { dirty: boolean; writable: boolean }[] {
  const outcomes: { dirty: boolean; writable: boolean }[] = []
  everyPreemption(() => ({
    first: task,
    run: () => {
      write(0b10100)
      protect(task)
    },
    second: other(1),
    meanwhile: () => hmmPteSetDirty(other(1), at),
    check: () => outcomes.push({ dirty: hmmPteTestDirty(task, at), writable: hmmPteTestWrite(task, at) }),
  }))
  return outcomes.slice(1) // the first access is the one that makes the entry
}

t.test('a write-protect by read-modify-write keeps a dirty bit that comes meanwhile', (t) => {
  const outcomes = dirtyMeetsWriteProtect((task) => hmmPteClearWrite(task, at))
  t.ok(outcomes.length > 0)
  for (const outcome of outcomes) t.same(outcome, { dirty: true, writable: false })
  t.end()
})

t.test('a write-protect that stores what it read loses it: the test above can fail', (t) => {
  const outcomes = dirtyMeetsWriteProtect((task) => atomicStore(task, at, atomicLoad(task, at) & ~0b10000))
  t.ok(outcomes.some(({ dirty }) => !dirty))
  t.end()
})
