/**
 * `migrate/512`: 512 pages to the device's memory and home again, by the three calls of a migration each way; the processor copies.
 * Beside copying the same bytes there and back with nothing else, `migrate/memcpy`.
 *
 * The work is checked: after every way by where each page is, and in the end by what is in it.
 */

import { SELECT_DEVICE_PRIVATE, SELECT_SYSTEM } from '../shared/device/index.ts'
import { PLACE } from '../shared/device/memory.ts'
import type { Frame } from '../shared/frame/frames.ts'
import { frameData } from '../shared/frame/frames.ts'
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import { createBuffer } from '../shared/memory/regions.ts'
import { PAGE_WORDS } from '../shared/memory/words.ts'
import { cpuEntry } from '../shared/mm/cpuentry.ts'
import { pteFrame } from '../shared/mm/pte.ts'
import { HmmError } from '../shared/seam/error.ts'
import { type BenchResult, measure, relativeTo } from './measure.ts'
import { BASE, openSolo, RANGE_PAGES, type Solo } from './solo.ts'

export interface MigrateOptions {
  readonly era?: Era
  readonly seconds?: number
}

const NAME = `migrate/${RANGE_PAGES}`

/** Runs the benchmark. Throws HmmError where a page did not move, or lost what was in it. */
export function migrateBench(options: MigrateOptions = {}): BenchResult[] {
  const { era = DEFAULT_ERA, seconds = 0.5 } = options
  const floor = copyBothWays(seconds)
  const solo = openSolo({ era, pages: RANGE_PAGES, deviceFrames: RANGE_PAGES })
  solo.map(BASE, RANGE_PAGES)
  for (let i = 0; i < RANGE_PAGES; i++) solo.task.words[dataOf(solo, i)] = contentOf(i)
  const result = measure({ name: NAME, pages: RANGE_PAGES, seconds }, () => {
    move(solo, SELECT_SYSTEM, PLACE.own)
    move(solo, SELECT_DEVICE_PRIVATE, PLACE.system)
  })
  for (let i = 0; i < RANGE_PAGES; i++)
    if (solo.task.words[dataOf(solo, i)] !== contentOf(i)) throw failed(`page ${i} came home with something else in it`)
  solo.close()
  return [floor, relativeTo(result, floor)]
}

/** One way: all pages from where `select` says, and `place` is where they must be then. */
function move(solo: Solo, select: number, place: number): void {
  const { dev, mirror, mm } = solo
  const { memory } = dev
  dev.mmapReadLock(mirror)
  const area = memory.areaAt(mm, BASE)
  if (area === null) throw failed('there is no area')
  const migration = memory.migration(area.vma, BASE, BASE + RANGE_PAGES - 1, select)
  if (memory.setup(migration) !== 0) throw failed('a migration was refused')
  for (let i = 0; i < RANGE_PAGES; i++) {
    const source = memory.source(migration, i)
    const target: Frame | -1 = place === PLACE.own ? memory.allocPage() : memory.allocSystemPage()
    if (source === -1 || target === -1) throw failed(`page ${i} has no ${source === -1 ? 'source' : 'target'}`)
    memory.copyPage(target, source)
    memory.setTarget(migration, i, target)
  }
  memory.pages(migration)
  let moved = 0
  for (let i = 0; i < RANGE_PAGES; i++) if (memory.migrates(migration, i)) moved++
  memory.finalize(migration)
  dev.mmapReadUnlock(mirror)
  if (moved !== RANGE_PAGES || memory.placeOf(mm, BASE + RANGE_PAGES - 1).place !== place)
    throw failed(`${moved} of ${RANGE_PAGES} pages moved`)
}

function copyBothWays(seconds: number): BenchResult {
  const words = RANGE_PAGES * PAGE_WORDS
  const buffer = createBuffer(words * 8)
  const [system, device] = [new Int32Array(buffer, 0, words), new Int32Array(buffer, words * 4, words)]
  return measure({ name: 'migrate/memcpy', pages: RANGE_PAGES, seconds }, () => {
    device.set(system)
    system.set(device)
  })
}

/** First word of page `i` as the CPU has it. */
function dataOf(solo: Solo, i: number): number {
  return frameData(solo.task, pteFrame(cpuEntry(solo.task, solo.mm, BASE + i)))
}

function contentOf(i: number): number {
  return 0x5eed0000 + i
}

function failed(why: string): HmmError {
  return new HmmError('HMM_ERR_BENCH', `${NAME}: ${why}`)
}
