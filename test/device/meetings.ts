/**
 * Meetings of a device that moves pages to its memory with whoever touches, drops, shares or evicts them: what is explored of them, and how
 * they may end.
 */

import type { Era } from '../../shared/hmm/era.ts'
import { type ConcurrentScenario, parseConcurrent } from '../../src/index.ts'

/** A meeting of threads. */
export interface Meeting {
  readonly question: string
  /** `svm` devices with this memory and policy; default one with 4 pages that moves at the first touch. */
  readonly devices?: readonly string[]
  readonly setup: readonly string[]
  readonly threads: readonly string[]
  readonly expect: readonly string[]
  /** Eras that it is tried in first. Those with `exclusive` take pages exclusively, which era events does not. */
  readonly eras: readonly Era[]
  readonly exclusive?: boolean
  readonly notifier?: 'inline' | 'dispatcher'
}

const FIRST_TOUCH = 'memory=4 policy=first-touch'
const ONE_PAGE = ['mmap A 1 rw private', 'store A 0 7']
const EXCLUSIVE = new URL('./policies/atomics-exclusive.js', import.meta.url).href
const MOVES_ATOMICS = new URL('./policies/atomics-migrate.js', import.meta.url).href

export const MEETINGS: readonly Meeting[] = [
  {
    question: 'a cpu adds to a page that the device moves',
    eras: ['two-pass', 'events'],
    setup: ONE_PAGE,
    threads: ['thread user cpu', 'add A 0 5', 'add A 0 2', 'thread gpu dev 0', 'dadd 0 A 0 1 1', 'dadd 0 A 0 1 1'],
    expect: ['final load A 0 is 16'],
    notifier: 'dispatcher',
  },
  {
    question: 'a page is dropped while it moves',
    eras: ['range-valid'],
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'madvise A 0 1 dontneed', 'thread gpu dev 0', 'dadd 0 A 0 1 1', 'b: dread 0 A 0 1'],
    expect: ['b is ok values=8 or ok values=1 or ok values=0'],
  },
  {
    question: 'a page is unmapped while it moves',
    eras: ['sequence'],
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'munmap A 0 1', 'thread gpu dev 0', 'a: dread 0 A 0 1', 'b: dwrite 0 A 0 1 1'],
    expect: ['outcome a=EFAULT b=EFAULT', 'outcome a=ok values=7 b=EFAULT', 'outcome a=ok values=7 b=ok'],
  },
  {
    question: 'a page is write-protected while it moves',
    eras: ['events'],
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'mprotect A 0 1 r', 'a: load A 0', 'b: load A 0', 'thread gpu dev 0', 'w: dwrite 0 A 0 1 9'],
    expect: ['w is ok or EPERM or EACCES', 'outcome a=7 b=7', 'outcome a=9 b=9'],
  },
  {
    question: 'a page of memory for one is evicted for another, while cpus touch both',
    eras: ['sequence'],
    devices: ['memory=1 policy=first-touch'],
    setup: ['mmap A 2 rw private', 'store A 0 7', 'store A 1 70'],
    threads: [
      'thread user cpu',
      'add A 0 5',
      'add A 1 5',
      'thread gpu dev 0',
      'dadd 0 A 0 1 1',
      'dadd 0 A 1 1 1',
      'dadd 0 A 0 1 1',
    ],
    expect: ['final load A 0 is 14', 'final load A 1 is 76'],
  },
  {
    question: 'two devices move the same page',
    eras: ['sequence'],
    devices: [FIRST_TOUCH, FIRST_TOUCH],
    setup: ONE_PAGE,
    threads: ['thread one dev 0', 'dadd 0 A 0 1 1', 'thread two dev 1', 'dadd 1 A 0 1 2', 'thread user cpu', 'add A 0 5'],
    expect: ['final load A 0 is 15'],
  },
  {
    question: 'neighbours come along, and one of them is dropped',
    eras: ['unlocked-timeout'],
    setup: ['mmap A 4 rw private', 'store A 0 7', 'store A 1 8'],
    threads: ['thread cpu0 cpu', 'madvise A 1 1 dontneed', 'thread gpu dev 0', 'a: dread 0 A 0 1', 'b: dread 0 A 1 1'],
    expect: ['a is ok values=7', 'b is ok values=8 or ok values=0'],
  },
  {
    question: 'an atomic access takes the page, and a cpu takes it back',
    eras: ['sequence'],
    devices: [`memory=4 policy=${EXCLUSIVE}`],
    exclusive: true,
    setup: ONE_PAGE,
    threads: ['thread user cpu', 'add A 0 5', 'a: load A 0', 'thread gpu dev 0', 'dadd 0 A 0 1 1', 'dadd 0 A 0 1 1'],
    expect: ['final load A 0 is 14'],
    notifier: 'dispatcher',
  },
  {
    question: 'two devices take the page for atomic accesses, while it is dropped',
    eras: ['two-pass'],
    devices: [`memory=4 policy=${EXCLUSIVE}`, `memory=4 policy=${MOVES_ATOMICS}`],
    exclusive: true,
    setup: ONE_PAGE,
    threads: [
      'thread one dev 0',
      'dadd 0 A 0 1 1',
      'thread two dev 1',
      'dadd 1 A 0 1 2',
      'thread cpu0 cpu',
      'madvise A 0 1 dontneed',
    ],
    expect: ['final load A 0 is 10 or 0 or 1 or 2 or 3'],
  },
]

const inBlock = (line: string) => `  ${line}`

/** A meeting in an era. */
export function scenarioOf(
  { devices = [FIRST_TOUCH], setup, threads, expect, notifier = 'inline' }: Meeting,
  era: Era,
): ConcurrentScenario {
  const text = [
    'scenario meeting',
    `era ${era}`,
    `notifier ${notifier}`,
    ...devices.map((device, i) => `device ${i} svm ${device}`),
    'setup',
    ...setup.map(inBlock),
    ...threads.map((line) => (line.startsWith('thread') ? line : inBlock(line))),
    'expect',
    ...expect.map(inBlock),
  ].join('\n')
  return parseConcurrent('meeting.scn', text)
}
