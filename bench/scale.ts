/**
 * `scale`: does the cost of the protocol grow with what is there?
 *
 *   scale/pages/N     one pass of the driver's loop over 512 of N pages that are mapped and present in one area; successive passes walk
 *                     through them all
 *   scale/areas/N     the same over 512 pages in the middle of N areas of 8 pages each
 *   scale/ranges/N    one invalidation of an address space with N registered ranges (bench/scaleranges.ts)
 *   floor/copy-page   copying the 4 KiB of a page, for comparison
 *
 * For pages and areas `ns_per_page` is what the claim is about, for ranges the time of the operation: they do not depend on N. The first
 * of each series is what the others are compared with.
 */
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import { HmmError } from '../shared/seam/error.ts'
import { copyPageFloor } from './floors.ts'
import { type BenchResult, measure, relativeTo } from './measure.ts'
import { rangesCase } from './scaleranges.ts'
import { BASE, openSolo, RANGE_PAGES, RW } from './solo.ts'

export interface ScaleOptions {
  readonly seconds?: number
  readonly era?: Era
  readonly pages?: readonly number[]
  readonly areas?: readonly number[]
  readonly ranges?: readonly number[]
}

/** Runs the benchmark. Throws HmmError where pages were not mirrored, or an invalidation met other ranges than it must. */
export function scaleBench(options: ScaleOptions = {}): BenchResult[] {
  const { seconds = 0.5, era = DEFAULT_ERA } = options
  const pages = (options.pages ?? [512, 4096, 32768, 262144]).map((n) => pagesCase(n, seconds, era))
  const areas = (options.areas ?? [64, 512, 4096]).map((n) => areasCase(n, seconds, era))
  const ranges = (options.ranges ?? [10, 100, 1000, 10_000]).map((n) => rangesCase(n, seconds, era))
  const series = [pages, areas, ranges].flatMap((one) =>
    one.map((result, i) => (i === 0 ? result : relativeTo(result, one[0] as BenchResult))),
  )
  return [copyPageFloor(seconds), ...series]
}

/** All pages in one area, present; successive operations mirror successive ranges. */
function pagesCase(pages: number, seconds: number, era: Era): BenchResult {
  const solo = openSolo({ era, pages })
  solo.map(BASE, pages)
  let at = 0
  const name = `scale/pages/${pages}`
  const result = measure({ name, pages: RANGE_PAGES, seconds }, () => {
    solo.mirrorRange(BASE + at, RANGE_PAGES)
    at = (at + RANGE_PAGES) % pages
  })
  const mirrored = solo.mirrored(BASE, pages)
  if (mirrored < Math.min(pages, RANGE_PAGES * Math.min(result.n, pages / RANGE_PAGES)))
    throw new HmmError('HMM_ERR_BENCH', `${name}: the mirror has ${mirrored} pages after ${result.n} passes`)
  solo.close()
  return result
}

/** Small areas with alternating rights, so that they do not merge; one range of 512 pages across 64 of them is mirrored. */
function areasCase(areas: number, seconds: number, era: Era): BenchResult {
  const each = 8
  const solo = openSolo({ era, pages: areas * each })
  for (let i = 0; i < areas; i++) solo.map(BASE + i * each, each, i % 2 === 0 ? RW : RW | 4)
  const middle = BASE + Math.floor((areas * each - RANGE_PAGES) / 2 / each) * each
  const name = `scale/areas/${areas}`
  const result = measure({ name, pages: RANGE_PAGES, seconds }, () => solo.mirrorRange(middle, RANGE_PAGES))
  if (solo.mirrored(middle, RANGE_PAGES) !== RANGE_PAGES) throw new HmmError('HMM_ERR_BENCH', `${name}: pages are missing`)
  solo.close()
  return result
}
