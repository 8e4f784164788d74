/**
 * Random concurrent scenarios of the family svm: a small area, one to three cpu threads and one device thread that access and change
 * it. From a seed, as text, so that what fails can be read and run on its own.
 */

import { nextBelow, seedChance } from '../../shared/seam/chance.ts'
import type { Task } from '../../shared/seam/task.ts'

type Draw = (bound: number) => number

/** A source of numbers from a seed, as the runtime's own. */
function drawsOf(seed: number): Draw {
  const state: Task['words'] = new Int32Array(4)
  seedChance(state, 0, seed, 0)
  return (bound) => nextBelow(state, 0, bound)
}

/** The text of scenario `seed`. */
export function randomScenario(seed: number): string {
  const draw = drawsOf(seed)
  const pages = 1 + draw(3)
  const lines = beginning(draw, `random-${seed}`, pages)
  const threads = 1 + draw(3)
  for (let thread = 0; thread < threads; thread++) {
    lines.push(`thread cpu${thread} cpu`)
    for (let i = draw(3); i >= 0; i--) lines.push(`  ${cpuOperation(draw, pages)}`)
  }
  lines.push('thread gpu dev 0')
  for (let i = draw(3); i >= 0; i--) lines.push(`  ${deviceOperation(draw, pages)}`)
  return `${lines.join('\n')}\n`
}

/** The text of scenario `seed` among those with `operations` of them: on three cpus and a device. */
export function longRandomScenario(seed: number, operations: number): string {
  const draw = drawsOf(seed)
  const pages = 4 + draw(5)
  const lines = beginning(draw, `random-${operations}-${seed}`, pages)
  const share = Math.floor(operations / 4)
  for (let thread = 0; thread < 3; thread++) {
    lines.push(`thread cpu${thread} cpu`)
    for (let i = 0; i < share; i++) lines.push(`  ${cpuOperation(draw, pages)}`)
  }
  lines.push('thread gpu dev 0')
  for (let i = 3 * share; i < operations; i++) lines.push(`  ${deviceOperation(draw, pages)}`)
  return `${lines.join('\n')}\n`
}

/** What there is before the threads: a device, and an area of some kind, with some content. */
function beginning(draw: Draw, name: string, pages: number): string[] {
  const lines = [`scenario ${name}`, `notifier ${draw(2) === 0 ? 'dispatcher' : 'inline'}`, 'device 0 svm', 'setup']
  lines.push(`  mmap A ${pages} rw ${['private', 'private', 'shared', 'memfd'][draw(4)]}`)
  for (let page = 0; page < pages; page++) if (draw(3) > 0) lines.push(`  store A ${page} ${page + 1}`)
  if (draw(4) === 0) lines.push('  fork')
  return lines
}

function cpuOperation(draw: Draw, pages: number): string {
  const page = draw(pages)
  const count = 1 + draw(pages - page)
  switch (draw(9)) {
    case 0:
      return `munmap A ${page} ${count}`
    case 1:
      return `mprotect A ${page} ${count} r`
    case 2:
      return `mprotect A ${page} ${count} rw`
    case 3:
      return `madvise A ${page} ${count} dontneed`
    case 4:
      return `store A ${page} ${draw(100)}`
    case 5:
      return `load A ${page}`
    case 6:
      return `add A ${page} 1`
    case 7:
      return `mremap A ${pages} move`
    default:
      return `madvise A ${page} ${count} populate_write`
  }
}

function deviceOperation(draw: Draw, pages: number): string {
  const page = draw(pages)
  const count = 1 + draw(pages - page)
  return [`dread 0 A ${page} ${count}`, `dwrite 0 A ${page} ${count} ${draw(50)}`, `dadd 0 A ${page} ${count} 1`][
    draw(3)
  ] as string
}
