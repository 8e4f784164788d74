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

/** A kind of device in a scenario: what stands behind its number, and what threads can have it do. */
interface Kind {
  readonly family: string
  readonly settings: readonly string[]
  /** Eras in which it means something. */
  readonly eras: readonly string[]
  /** Ioctls of a cpu thread, and commands of its engine. */
  ioctl?(draw: Draw, span: string): string
  command?(draw: Draw, span: string): string
  /** What the set-up does for it. */
  readonly setup?: (device: number, pages: number) => string
}

const SINCE_2019 = ['range-valid', 'sequence', 'two-pass', 'unlocked-timeout']
const EVERY_ERA = ['events', ...SINCE_2019]

const faulting = (draw: Draw, span: string) =>
  [`dread D ${span}`, `dwrite D ${span} ${draw(50)}`, `dadd D ${span} 1`][draw(3)] as string

const KINDS: readonly Kind[] = [
  {
    family: 'svm',
    settings: ['memory=2 copy-failures=0.25', 'memory=4 copy-failures=0.1', ''],
    eras: EVERY_ERA,
    command: faulting,
  },
  {
    family: 'mirror',
    settings: ['memory=4', ''],
    eras: SINCE_2019,
    ioctl: (draw, span) =>
      [
        `migrate_dev D ${span}`,
        `migrate_sys D ${span}`,
        `exclusive D ${span}`,
        `dread D ${span}`,
        `dwrite D ${span} ${draw(50)}`,
        `snapshot D ${span}`,
      ][draw(6)] as string,
  },
  {
    family: 'odp',
    settings: [''],
    eras: EVERY_ERA,
    command: faulting,
    setup: (device, pages) => `reg_mr ${device} A 0 ${pages} rw`,
  },
  {
    family: 'userptr',
    settings: [''],
    eras: SINCE_2019,
    ioctl: (draw, span) => `submit D ${span} ${draw(50)}`,
    setup: (device, pages) => `bind ${device} A 0 ${pages} rw`,
  },
  {
    family: 'pinned',
    settings: [''],
    eras: SINCE_2019,
    ioctl: (draw, span) => `submit D ${span} ${draw(50)}`,
    setup: (device, pages) => `bind ${device} A 0 ${pages} rw`,
  },
]

/**
 * The text of scenario `seed` among those in which everything that can fail does, now and then: allocations, copies of a device's copy
 * engine, faults that find no frame and reclaim; somebody puts pages out, moves and reaps them, which must not be made to wait. One or
 * two devices of any family, in any era they mean something in.
 */
export function scarceScenario(seed: number): string {
  const draw = drawsOf(seed)
  const pages = 2 + draw(4)
  const first = KINDS[draw(KINDS.length)] as Kind
  const second = draw(3) === 0 ? (KINDS[draw(KINDS.length)] as Kind) : null
  const kinds = second === null ? [first] : [first, second]
  const eras = EVERY_ERA.filter((era) => kinds.every((kind) => kind.eras.includes(era)))
  const span = () => {
    const page = draw(pages)
    return `A ${page} ${1 + draw(pages - page)}`
  }
  const lines = [
    `scenario scarce-${seed}`,
    `era ${eras[draw(eras.length)]}`,
    `notifier ${draw(2) === 0 ? 'dispatcher' : 'inline'}`,
    `memory ${12 + draw(6)} swap=${8 + draw(8)}`,
    `allocations fail=${[0.02, 0.1, 0.3][draw(3)]}`,
    ...kinds.map(({ family, settings }, device) => `device ${device} ${family} ${settings[draw(settings.length)]}`.trimEnd()),
    'setup',
    `  mmap A ${pages} rw ${['private', 'private', 'shared', 'memfd'][draw(4)]}`,
  ]
  for (let page = 0; page < pages; page++) if (draw(3) > 0) lines.push(`  store A ${page} ${page + 1}`)
  lines.push(...kinds.flatMap(({ setup }, device) => (setup === undefined ? [] : [`  ${setup(device, pages)}`])))
  const ioctls = kinds.flatMap(({ ioctl }, device) => (ioctl === undefined ? [] : [{ ioctl, device }]))
  const threads = 1 + draw(2)
  for (let thread = 0; thread < threads; thread++) {
    lines.push(`thread cpu${thread} cpu`)
    for (let i = draw(3); i >= 0; i--) {
      const one = ioctls[draw(ioctls.length)]
      const line = one !== undefined && draw(2) === 0 ? one.ioctl(draw, span()).replace('D', String(one.device)) : null
      lines.push(`  ${line ?? (draw(8) === 0 ? 'fork' : cpuOperation(draw, pages))}`)
    }
  }
  lines.push('thread kswapd reclaim')
  for (let i = draw(3); i >= 0; i--) lines.push(`  ${['pageout', 'move', 'reap', 'split'][draw(4)]} ${span()}`)
  for (const [device, { command }] of kinds.entries()) {
    if (command === undefined) continue
    lines.push(`thread gpu${device} dev ${device}`)
    for (let i = draw(3); i >= 0; i--) lines.push(`  ${command(draw, span()).replace('D', String(device))}`)
  }
  return `${lines.join('\n')}\n`
}
