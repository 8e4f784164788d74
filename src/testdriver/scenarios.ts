/**
 * The meetings of the contract tests: what a change of the address space does to a driver in the middle of its work, as concurrent
 * scenarios. Device 0, and device 1 where there are two, is the driver under test. What is expected holds in every era.
 *
 * Beside what is expected every schedule is watched by the oracles: of what a device may still reach, of counts, of locks.
 */
import type { Era } from '../../shared/hmm/era.ts'
import { type ConcurrentScenario, parseConcurrent } from '../scenario/concurrent.ts'

/** What a driver must be able to do for a scenario to mean something. */
export type Need = 'faults' | 'jobs' | 'moves'

export interface Meeting {
  /** Name of the check. */
  readonly name: string
  readonly needs: Need
  /** One thread, one order of things: a few schedules are enough. */
  readonly single?: true
  readonly devices?: 1 | 2
  readonly notifier?: 'inline'
  /** The block `memory`. */
  readonly memory?: string
  readonly setup?: readonly string[]
  readonly threads: readonly string[]
  readonly expect: readonly string[]
}

/** The driver's name in the scenarios: SearchOptions.drivers says where it is. */
export const UNDER_TEST = 'driver'

const ONE_PAGE = ['mmap A 1 rw private', 'store A 0 7']
const BUFFER = ['mmap A 2 rw private', 'store A 0 7', 'store A 1 8', 'bind 0 A 0 2 rw => ok']
/** Page in device memory. */
const MOVED = [...ONE_PAGE, 'migrate_dev 0 A 0 1']

/** Answers of a device that was told that it may not. */
const REFUSALS = ['EFAULT', 'EPERM', 'EACCES', 'EINVAL']
const REFUSED = REFUSALS.join(' or ')
const FULL = 10

/** A driver that serves faults, and nothing else happens. */
const ANSWERS: readonly Meeting[] = [
  {
    name: 'reads and writes what is there, and what is not there yet',
    needs: 'faults',
    single: true,
    setup: ['mmap A 3 rw private', 'store A 0 7'],
    threads: [
      'thread gpu dev 0',
      'here: dread 0 A 0 1',
      'empty: dread 0 A 1 1',
      'over: dwrite 0 A 0 3 20',
      'dadd 0 A 1 1 5',
      'all: dread 0 A 0 3',
    ],
    expect: [
      'here is ok values=7',
      'empty is ok values=0',
      'over is ok',
      'all is ok values=20,26,22',
      ...[20, 26, 22].map((value, page) => `final load A ${page} is ${value}`),
    ],
  },
  {
    name: 'is refused what the process may not do',
    needs: 'faults',
    single: true,
    setup: ['mmap A 4 rw private', 'store A 0 7', 'store A 1 8', 'mprotect A 1 1 r', 'mprotect A 2 1 -', 'munmap A 3 1'],
    threads: [
      'thread gpu dev 0',
      'may: dread 0 A 1 1',
      'write: dwrite 0 A 1 1 9',
      'again: dread 0 A 1 1',
      'none: dread 0 A 2 1',
      'hole: dread 0 A 3 1',
      'first: dread 0 A 0 1',
    ],
    expect: [
      'may is ok values=8',
      `write is ${REFUSED}`,
      'again is ok values=8',
      `none is ${REFUSED}`,
      `hole is ${REFUSED}`,
      'first is ok values=7',
      'final load A 1 is 8',
    ],
  },
]

/** A driver that serves faults, and what may happen at the same time. */
const FAULTS: readonly Meeting[] = [
  {
    name: 'a fault meets munmap',
    needs: 'faults',
    setup: ONE_PAGE,
    threads: ['thread user cpu', 'munmap A 0 1', 'thread gpu dev 0', 'a: dread 0 A 0 1', 'b: dread 0 A 0 1'],
    expect: [
      'outcome a=ok values=7 b=ok values=7',
      ...REFUSALS.map((refusal) => `outcome a=ok values=7 b=${refusal}`),
      ...REFUSALS.map((refusal) => `outcome a=${refusal} b=${refusal}`),
    ],
  },
  {
    name: 'a write fault meets mprotect: nothing changes behind it',
    needs: 'faults',
    setup: ONE_PAGE,
    threads: ['thread user cpu', 'mprotect A 0 1 r', 'a: load A 0', 'b: load A 0', 'thread gpu dev 0', 'w: dwrite 0 A 0 1 9'],
    expect: [`w is ok or ${REFUSED}`, 'outcome a=7 b=7', 'outcome a=9 b=9'],
  },
  {
    name: 'a fault meets madvise dontneed: what was written before is gone, what comes after stays',
    needs: 'faults',
    notifier: 'inline',
    setup: ONE_PAGE,
    threads: ['thread user cpu', 'madvise A 0 1 dontneed', 'thread gpu dev 0', 'dadd 0 A 0 1 1', 'b: dread 0 A 0 1'],
    expect: ['b is ok values=8 or ok values=1 or ok values=0'],
  },
  {
    name: 'a page is put out while a cpu and the device add to it',
    needs: 'faults',
    notifier: 'inline',
    setup: ONE_PAGE,
    threads: ['thread kswapd reclaim', 'pageout A 0 1', 'thread user cpu', 'add A 0 1', 'thread gpu dev 0', 'dadd 0 A 0 1 2'],
    expect: [`final load A 0 is ${FULL}`],
  },
  {
    name: 'a page moves to another frame while a cpu and the device add to it',
    needs: 'faults',
    notifier: 'inline',
    setup: ONE_PAGE,
    threads: ['thread compact reclaim', 'move A 0 1', 'thread user cpu', 'add A 0 1', 'thread gpu dev 0', 'dadd 0 A 0 1 2'],
    expect: [`final load A 0 is ${FULL}`],
  },
  {
    name: 'a page is shared with a child of fork while a cpu and the device add to it',
    needs: 'faults',
    notifier: 'inline',
    setup: [...ONE_PAGE, 'fork'],
    threads: ['thread user cpu', 'add A 0 1', 'thread gpu dev 0', 'before: dread 0 A 0 1', 'dadd 0 A 0 1 2'],
    expect: ['before is ok values=7 or ok values=8', `final load A 0 is ${FULL}`],
  },
  {
    name: 'the OOM reaper, which may not wait, meets a fault',
    needs: 'faults',
    setup: ONE_PAGE,
    threads: ['thread oom reclaim', 'r: reap A 0 1', 'thread gpu dev 0', 'a: dread 0 A 0 1'],
    expect: ['r is ok or EAGAIN', 'a is ok values=7 or ok values=0'],
  },
  {
    name: 'two devices fault on one page',
    needs: 'faults',
    devices: 2,
    notifier: 'inline',
    setup: ['mmap A 1 rw private'],
    threads: ['thread one dev 0', 'dadd 0 A 0 1 1', 'thread two dev 1', 'dadd 1 A 0 1 2'],
    expect: ['final load A 0 is 3'],
  },
  {
    name: 'two devices fault on a page that is unmapped',
    needs: 'faults',
    devices: 2,
    notifier: 'inline',
    setup: ONE_PAGE,
    threads: [
      'thread user cpu',
      'munmap A 0 1',
      'thread one dev 0',
      'a: dread 0 A 0 1',
      'thread two dev 1',
      'b: dwrite 1 A 0 1 9',
    ],
    expect: [`a is ${REFUSED} or ok values=7 or ok values=9`, `b is ok or ${REFUSED}`],
  },
  {
    name: 'a fault finds no frame, and what another device has is put out for it',
    needs: 'faults',
    devices: 2,
    notifier: 'inline',
    memory: 'memory 12 swap=32',
    setup: ['mmap A 12 rw private', ...Array.from({ length: 10 }, (_, page) => `store A ${page} ${page + 1}`)],
    threads: ['thread one dev 0', 'dwrite 0 A 0 2 50', 'thread two dev 1', 'dwrite 1 A 9 3 60', 'thread user cpu', 'add A 2 1'],
    expect: [50, 51, 4, 4, 5, 6, 7, 8, 9, 60, 61, 62].map((value, page) => `final load A ${page} is ${value}`),
  },
]

/** A driver that is told what to do: bind, submit and unbind (docs/families.md). */
const JOBS: readonly Meeting[] = [
  {
    name: 'a submission meets munmap',
    needs: 'jobs',
    setup: BUFFER,
    threads: ['thread user cpu', 's: submit 0 A 0 2 1', 'thread other cpu', 'munmap A 1 1'],
    expect: ['s is ok or EAGAIN or EFAULT', 'final load A 0 is 7 or 8'],
  },
  {
    name: 'a job meets its page going out: what it added is not lost',
    needs: 'jobs',
    setup: BUFFER,
    threads: [
      'thread user cpu',
      's: submit 0 A 0 1 1',
      'u: unbind 0 A 0 2',
      'l: load A 0',
      'thread kswapd reclaim',
      'pageout A 0 2',
    ],
    expect: ['outcome s=ok u=ok l=8', 'outcome s=EAGAIN u=ok l=7'],
  },
  {
    name: 'two submit to one buffer, and a cpu adds to it',
    needs: 'jobs',
    setup: BUFFER,
    threads: ['thread one cpu', 'a: submit 0 A 0 2 1', 'thread two cpu', 'b: submit 0 A 1 1 2', 'thread three cpu', 'add A 1 4'],
    expect: ['a is ok or EAGAIN', 'b is ok or EAGAIN', 'final load A 1 is 12 or 13 or 14 or 15'],
  },
  {
    name: 'a job meets madvise dontneed',
    needs: 'jobs',
    setup: BUFFER,
    threads: ['thread user cpu', 's: submit 0 A 0 1 1', 'thread other cpu', 'madvise A 0 1 dontneed'],
    expect: ['s is ok or EAGAIN', 'final load A 0 is 0 or 1'],
  },
  {
    name: 'the OOM reaper, which may not wait, meets a job',
    needs: 'jobs',
    setup: BUFFER,
    threads: ['thread user cpu', 's: submit 0 A 0 1 1', 'thread oom reclaim', 'r: reap A 0 2'],
    expect: ['r is ok or EAGAIN', 's is ok or EAGAIN', 'final load A 1 is 0 or 8'],
  },
]

/** A driver whose device has memory: migrate_dev. */
const MOVES: readonly Meeting[] = [
  {
    name: 'a page moves to the device while a cpu adds to it',
    needs: 'moves',
    notifier: 'inline',
    setup: ONE_PAGE,
    threads: ['thread mover cpu', 'migrate_dev 0 A 0 1', 'thread user cpu', 'add A 0 3'],
    expect: [`final load A 0 is ${FULL}`],
  },
  {
    name: 'two cpus touch a page in device memory',
    needs: 'moves',
    notifier: 'inline',
    setup: MOVED,
    threads: ['thread one cpu', 'add A 0 1', 'thread two cpu', 'add A 0 2'],
    expect: [`final load A 0 is ${FULL}`],
  },
  {
    name: 'a page moves to the device while it is dropped',
    needs: 'moves',
    notifier: 'inline',
    setup: ONE_PAGE,
    threads: ['thread mover cpu', 'migrate_dev 0 A 0 1', 'thread user cpu', 'madvise A 0 1 dontneed'],
    expect: ['final load A 0 is 0'],
  },
]

export const MEETINGS: readonly Meeting[] = [...ANSWERS, ...FAULTS, ...JOBS, ...MOVES]

/** Pages of memory that each device has in the suite. */
export const DEVICE_PAGES = 4

/** The meeting as a scenario of `era`. */
export function scenarioOf(meeting: Meeting, era: Era): ConcurrentScenario {
  const { name, devices = 1, notifier = 'dispatcher', memory, setup = [], threads, expect } = meeting
  const short = name.replaceAll(/[^a-z]+/gi, '-').toLowerCase()
  const text = [
    `scenario ${short}`,
    `era ${era}`,
    `notifier ${notifier}`,
    ...(memory === undefined ? [] : [memory]),
    ...Array.from({ length: devices }, (_, device) => `device ${device} ${UNDER_TEST} memory=${DEVICE_PAGES}`),
    'setup',
    ...setup.map(inBlock),
    ...threads.map((line) => (line.startsWith('thread') ? line : inBlock(line))),
    'expect',
    ...expect.map(inBlock),
    '',
  ]
  return parseConcurrent(`${short}.scn`, text.join('\n'))
}

function inBlock(line: string): string {
  return `  ${line}`
}
