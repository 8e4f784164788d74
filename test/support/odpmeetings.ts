/**
 * An adapter with on-demand paging faults on a page while something happens to the page or to its region: the meetings that are
 * explored, in whatever era.
 */
import type { Era } from '../../shared/hmm/era.ts'

export interface Meeting {
  readonly question: string
  readonly devices?: number
  readonly setup: readonly string[]
  readonly threads: readonly string[]
  readonly expect: readonly string[]
}

const ONE_PAGE = ['mmap A 1 rw private', 'store A 0 7']
const TWO_PAGES = ['mmap A 2 rw private', 'store A 0 7', 'store A 1 8']
const REGION = [...ONE_PAGE, 'reg_mr 0 A 0 1 rw']

/** Two or three threads each, and how it may end. */
export const MEETINGS: readonly Meeting[] = [
  {
    question: 'munmap: the page is gone, and mapped no more',
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'munmap A 0 1', 'thread nic dev 0', 'a: dread 0 A 0 1', 'b: dread 0 A 0 1'],
    expect: ['outcome a=EFAULT b=EFAULT', 'outcome a=ok values=7 b=EFAULT', 'outcome a=ok values=7 b=ok values=7'],
  },
  {
    question: 'dereg_mr: it waits for the fault and not for ever, and then nothing of the region can be reached',
    setup: REGION,
    threads: ['thread cpu0 cpu', 'd: dereg_mr 0 A 0 1', 'thread nic dev 0', 'a: dadd 0 A 0 1 1', 'after d', 'b: dread 0 A 0 1'],
    expect: ['d is ok', 'a is ok or EFAULT', 'b is EFAULT'],
  },
  {
    question: 'a child of the implicit region loses its only page while the adapter faults on another one of it',
    setup: TWO_PAGES,
    threads: [
      'thread cpu0 cpu',
      'madvise A 0 1 dontneed',
      'thread nic dev 0',
      'a: dread 0 A 0 1',
      'b: dwrite 0 A 1 1 9',
      'c: dread 0 A 0 1',
    ],
    expect: ['a is ok values=7 or ok values=0', 'b is ok', 'c is ok values=7 or ok values=0', 'final load A 1 is 9'],
  },
  {
    question: 'the first registration ends the implicit region',
    setup: TWO_PAGES,
    threads: [
      'thread cpu0 cpu',
      'r: reg_mr 0 A 1 1 r',
      'thread nic dev 0',
      'a: dadd 0 A 0 1 1',
      'b: dwrite 0 A 1 1 9',
      'c: dread 0 A 1 1',
    ],
    expect: [
      'r is ok',
      'a is ok or EFAULT',
      'outcome b=ok c=ok values=9',
      'outcome b=EACCES c=ok values=8',
      'outcome b=EFAULT c=ok values=8',
      'outcome b=EFAULT c=EFAULT',
      'outcome b=ok c=EFAULT',
    ],
  },
  {
    question: 'two cpus register the same pages, which ends the implicit region once, and deregister them',
    setup: ONE_PAGE,
    threads: [
      'thread cpu0 cpu',
      'x: reg_mr 0 A 0 1 rw',
      'u: dereg_mr 0 A 0 1',
      'thread cpu1 cpu',
      'y: reg_mr 0 A 0 1 rw',
      'v: dereg_mr 0 A 0 1',
      'thread nic dev 0',
      'dread 0 A 0 1',
    ],
    expect: [
      'outcome x=ok y=ok u=ok v=ok',
      'outcome x=ok y=EEXIST u=ok v=ENOENT',
      'outcome x=ok y=EEXIST u=ENOENT v=ok',
      'outcome x=EEXIST y=ok u=ok v=ENOENT',
      'outcome x=EEXIST y=ok u=ENOENT v=ok',
    ],
  },
  {
    question: 'a prefetch of the page that the adapter asks for: mapped once',
    setup: TWO_PAGES,
    threads: ['thread cpu0 cpu', 'p: prefetch 0 A 0 2', 'thread nic dev 0', 'a: dadd 0 A 0 1 1', 'b: dread 0 A 1 1'],
    expect: ['p is ok cpages=2', 'a is ok', 'b is ok values=8', 'final load A 0 is 8'],
  },
  {
    question: 'prefetch and deregistering, and the address space changes',
    setup: [...TWO_PAGES, 'reg_mr 0 A 0 2 rw'],
    threads: [
      'thread cpu0 cpu',
      'p: prefetch 0 A 0 2 write',
      'thread cpu1 cpu',
      'madvise A 0 1 dontneed',
      'd: dereg_mr 0 A 0 2',
      'thread nic dev 0',
      'a: dadd 0 A 1 1 1',
    ],
    expect: ['p is ok cpages=2 or ok cpages=0 or ENOENT', 'd is ok', 'a is ok or EFAULT'],
  },
  {
    question: 'a page shared since a fork: a cpu takes its own copy, and what the adapter adds goes there',
    setup: [...ONE_PAGE, 'fork'],
    threads: ['thread cpu0 cpu', 'add A 0 5', 'thread nic dev 0', 'a: dread 0 A 0 1', 'dadd 0 A 0 1 2'],
    expect: ['a is ok values=7 or ok values=12', 'final load A 0 is 14'],
  },
  {
    question: 'fork, and the end of the child',
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'f: fork', 'e: exit 1', 'thread nic dev 0', 'dadd 0 A 0 1 2', 'dadd 0 A 0 1 3'],
    expect: ['f is ok P1', 'e is ok', 'final load A 0 is 12'],
  },
  {
    question: 'close and open: what it had mapped is unmapped, what it wrote is there, and regions are gone',
    setup: [...TWO_PAGES, 'reg_mr 0 A 0 1 rw'],
    threads: [
      'thread cpu0 cpu',
      'c: close 0',
      'o: open 0',
      'madvise A 0 1 pageout',
      'l: load A 0',
      'thread nic dev 0',
      'a: dwrite 0 A 0 1 9',
      'after o',
      'dread 0 A 1 1',
    ],
    expect: ['c is ok', 'o is ok', 'outcome a=ok l=9', 'outcome a=ok l=7', 'outcome a=EFAULT l=7'],
  },
  {
    question: 'two adapters and a munmap of their page',
    devices: 2,
    setup: ONE_PAGE,
    threads: [
      'thread cpu0 cpu',
      'munmap A 0 1',
      'thread one dev 0',
      'a: dread 0 A 0 1',
      'thread two dev 1',
      'b: dwrite 1 A 0 1 9',
    ],
    expect: ['a is EFAULT or ok values=7 or ok values=9', 'b is EFAULT or ok'],
  },
]

/** The meetings that matter most, at once: a page goes, a region goes, a child of the implicit region loses its last page. */
export const CROWD: Meeting = {
  question: 'a page of an implicit region is dropped, a region is deregistered, another page is unmapped',
  devices: 2,
  setup: [...TWO_PAGES, 'mmap B 1 rw private', 'reg_mr 1 A 0 2 rw'],
  threads: [
    'thread cpu0 cpu',
    'madvise A 0 1 dontneed',
    'munmap B 0 1',
    'thread cpu1 cpu',
    'd: dereg_mr 1 A 0 2',
    'thread one dev 0',
    'a: dread 0 A 0 1',
    'b: dwrite 0 A 1 1 9',
    'c: dwrite 0 B 0 1 1',
    'thread two dev 1',
    'e: dadd 1 A 0 1 1',
    'after d',
    'f: dread 1 A 1 1',
  ],
  expect: [
    'd is ok',
    'a is ok values=7 or ok values=8 or ok values=0 or ok values=1',
    'b is ok',
    'c is ok or EFAULT',
    'e is ok or EFAULT',
    'f is EFAULT',
    'final load A 1 is 9',
  ],
}

/** A meeting as the text of a scenario. Time stands still: nothing may depend on a timeout. */
export function meetingScenario({ devices = 1, setup, threads, expect }: Meeting, era: Era = 'sequence'): string {
  const block = (line: string) => `  ${line}`
  return [
    'scenario meeting',
    `era ${era}`,
    'timeouts off',
    ...Array.from({ length: devices }, (_, device) => `device ${device} odp`),
    'setup',
    ...setup.map(block),
    ...threads.map((line) => (line.startsWith('thread') ? line : block(line))),
    'expect',
    ...expect.map(block),
  ].join('\n')
}
