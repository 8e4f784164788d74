/**
 * `mirror-range`: one pass of the driver's loop on one thread (bench/solo.ts), over pages that the CPU has present and writable.
 *
 *   mirror-range/512, /1        the mirror has the entries already, as in the C program
 *   mirror-range/512/steps      the same by one call for each step of the loop; /1/steps
 *   mirror-range/512/fresh      they were taken away before, outside of what is timed: every entry is written
 *   range-fault/none-512        the CPU has none of the pages: each is faulted in. They are dropped again outside of what is timed
 *
 * The address space has 64 areas, as that of the C program. Beside a copy of the 512 entries. The work is checked: each pass by what its
 * steps answered, and afterwards by the mirror's entries, which must name the frames that the CPU has; where they are taken away between
 * the passes, by their absence as well.
 */
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import { HmmError } from '../shared/seam/error.ts'
import { copyRangeFloor } from './floors.ts'
import { type BenchResult, measure, relativeTo } from './measure.ts'
import { BASE, openSolo, RANGE_PAGES, type Solo } from './solo.ts'
import { measureTimed } from './timed.ts'

export interface MirrorRangeOptions {
  readonly era?: Era
  readonly seconds?: number
}

/** Areas of the address space, as in the C program. */
const AREAS = 64

/** Runs the benchmark. Throws HmmError where pages were not mirrored. */
export function mirrorRangeBench(options: MirrorRangeOptions = {}): BenchResult[] {
  const { era = DEFAULT_ERA, seconds = 0.5 } = options
  const floor = copyRangeFloor(seconds / 5)
  const solo = openSolo({ era, pages: RANGE_PAGES })
  solo.map(BASE, RANGE_PAGES)
  solo.surround(BASE, RANGE_PAGES, AREAS - 1)
  const whole = [RANGE_PAGES, 1].map((pages) => present(solo, `mirror-range/${pages}`, pages, seconds, solo.mirrorRange))
  const steps = [RANGE_PAGES, 1].map((pages) =>
    present(solo, `mirror-range/${pages}/steps`, pages, seconds, solo.mirrorRangeBySteps),
  )
  const results = [...whole, ...steps, fresh(solo, seconds), faulted(solo, seconds)]
  solo.close()
  return [floor, ...results.map((one) => (one.pages === RANGE_PAGES ? relativeTo(one, floor) : one))]
}

type Pass = Solo['mirrorRange']

function present(solo: Solo, name: string, pages: number, seconds: number, pass: Pass): BenchResult {
  solo.unmirror(BASE, RANGE_PAGES)
  expectMirrored(solo, name, 0)
  const result = measure({ name, pages, seconds }, () => pass(BASE, pages))
  expectMirrored(solo, name, pages)
  return result
}

function fresh(solo: Solo, seconds: number): BenchResult {
  const name = `mirror-range/${RANGE_PAGES}/fresh`
  solo.unmirror(BASE, RANGE_PAGES)
  return measureTimed(
    { name, pages: RANGE_PAGES, seconds },
    () => solo.mirrorRange(BASE, RANGE_PAGES),
    () => {
      expectMirrored(solo, name, RANGE_PAGES)
      solo.unmirror(BASE, RANGE_PAGES)
      expectMirrored(solo, name, 0)
    },
  )
}

function faulted(solo: Solo, seconds: number): BenchResult {
  const name = `range-fault/none-${RANGE_PAGES}`
  solo.drop(BASE, RANGE_PAGES)
  return measureTimed(
    { name, pages: RANGE_PAGES, seconds },
    () => solo.mirrorRange(BASE, RANGE_PAGES),
    () => {
      expectMirrored(solo, name, RANGE_PAGES)
      solo.drop(BASE, RANGE_PAGES)
      expectMirrored(solo, name, 0)
    },
  )
}

function expectMirrored(solo: Solo, name: string, pages: number): void {
  const found = solo.mirrored(BASE, RANGE_PAGES)
  if (found !== pages) throw new HmmError('HMM_ERR_BENCH', `${name}: the mirror has ${found} pages, not ${pages}`)
}
