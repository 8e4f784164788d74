/**
 * May a device keep, or lose, what a change of the address space takes at the same moment? Two threads, by PCT, under
 * the rules of 2016 (era events). Each run is checked by the oracles; here stands what more must hold.
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'

interface Case {
  readonly question: string
  readonly devices?: number
  readonly setup: readonly string[]
  readonly threads: readonly string[]
  readonly expect: readonly string[]
  readonly notifier?: 'inline' | 'dispatcher'
  /** A device of the family svm as a test's driver has it, with memory for four pages. */
  readonly copies?: boolean
}

const ONE_PAGE = ['mmap A 1 rw private', 'store A 0 7']

const CASES: readonly Case[] = [
  {
    question: 'a fault that meets a munmap: never published, or published and then withdrawn',
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'munmap A 0 1', 'thread gpu dev 0', 'a: dread 0 A 0 1', 'b: dread 0 A 0 1'],
    notifier: 'dispatcher',
    expect: ['outcome a=EFAULT b=EFAULT', 'outcome a=ok values=7 b=EFAULT', 'outcome a=ok values=7 b=ok values=7'],
  },
  {
    question: 'a page that is dropped under a writer: what it wrote before is gone, what it writes after is there',
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'madvise A 0 1 dontneed', 'thread gpu dev 0', 'dadd 0 A 0 1 1', 'b: dread 0 A 0 1'],
    expect: ['b is ok values=8 or ok values=1 or ok values=0'],
  },
  {
    question: 'write protection: nothing changes between two reads behind it',
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'mprotect A 0 1 r', 'a: load A 0', 'b: load A 0', 'thread gpu dev 0', 'w: dwrite 0 A 0 1 9'],
    notifier: 'dispatcher',
    expect: ['w is ok or EACCES', 'outcome a=7 b=7', 'outcome a=9 b=9'],
  },
  {
    question: 'a page that goes out and comes back: a write of the device is not lost',
    setup: ONE_PAGE,
    threads: ['thread cpu0 cpu', 'madvise A 0 1 pageout', 'a: load A 0', 'thread gpu dev 0', 'dadd 0 A 0 1 2', 'dadd 0 A 0 1 3'],
    expect: ['final load A 0 is 12'],
  },
  {
    question: 'two device faults on one page, in parallel',
    devices: 2,
    setup: ['mmap A 1 rw private'],
    threads: ['thread one dev 0', 'dadd 0 A 0 1 1', 'thread two dev 1', 'dadd 1 A 0 1 2'],
    expect: ['final load A 0 is 3'],
  },
  {
    question: 'two device faults and a munmap of their page',
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
  {
    question: 'an area whose mapping the OOM killer reaps, which may not wait for the device',
    setup: ONE_PAGE,
    threads: ['thread oom reclaim', 'reap A 0 1', 'thread gpu dev 0', 'a: dread 0 A 0 1'],
    expect: ['a is ok values=7 or ok values=0'],
  },
  {
    question: 'a page that moves to the device while the device and a cpu add to it',
    copies: true,
    setup: ONE_PAGE,
    threads: ['thread mover cpu', 'migrate_dev 0 A 0 1', 'thread user cpu', 'add A 0 5', 'thread gpu dev 0', 'dadd 0 A 0 1 1'],
    expect: ['final load A 0 is 13'],
  },
  {
    question: 'a page in device memory that two cpus and the device touch',
    copies: true,
    setup: [...ONE_PAGE, 'migrate_dev 0 A 0 1'],
    threads: ['thread one cpu', 'add A 0 5', 'thread two cpu', 'add A 0 2', 'thread gpu dev 0', 'dadd 0 A 0 1 1'],
    expect: ['final load A 0 is 15'],
  },
  {
    question: 'a page that moves to the device while it is dropped',
    copies: true,
    setup: ONE_PAGE,
    threads: [
      'thread mover cpu',
      'migrate_dev 0 A 0 1',
      'thread cpu1 cpu',
      'madvise A 0 1 dontneed',
      'thread gpu dev 0',
      'a: dread 0 A 0 1',
    ],
    expect: ['a is ok values=7 or ok values=0'],
  },
  {
    question: 'two changes at once, of pages that do not meet',
    setup: ['mmap A 2 rw private', 'store A 0 7', 'store A 1 8'],
    threads: [
      'thread cpu0 cpu',
      'madvise A 0 1 dontneed',
      'thread cpu1 cpu',
      'madvise A 1 1 dontneed',
      'thread gpu dev 0',
      'a: dread 0 A 0 2',
    ],
    expect: ['a is ok'],
  },
]

const inBlock = (line: string) => `  ${line}`

/** Enough to meet in every step of a fault: each of them takes some 60 to 150 points. */
const SCHEDULES = 150

function driver(name: string): string {
  return new URL(`../drivers/${name}.js`, import.meta.url).href
}

function scenario({ devices = 1, notifier = 'inline', copies = false, setup, threads, expect }: Case): string {
  return [
    'scenario meeting',
    'era events',
    `notifier ${notifier}`,
    ...Array.from({ length: devices }, (_, device) => `device ${device} svm${copies ? ' memory=4' : ''}`),
    'setup',
    ...setup.map(inBlock),
    ...threads.map((line) => (line.startsWith('thread') ? line : inBlock(line))),
    'expect',
    ...expect.map(inBlock),
  ].join('\n')
}

for (const one of CASES) {
  t.test(one.question, async (t) => {
    const result = await explore({
      scenario: parseConcurrent('meeting.scn', scenario(one)),
      schedules: SCHEDULES,
      jobs: 1,
      ...(one.copies === true ? { drivers: { svm: driver('copies-pages') } } : {}),
    })
    t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, SCHEDULES])
  })
}

/** The same meetings where HMM maps each page for the bus and unmaps it: more steps to be met in, and oracles for what is mapped. */
for (const one of CASES.slice(0, 4)) {
  t.test(`behind an IOMMU: ${one.question}`, async (t) => {
    const result = await explore({
      scenario: parseConcurrent('meeting.scn', scenario(one)),
      schedules: SCHEDULES / 2,
      jobs: 1,
      drivers: { svm: driver('behind-iommu') },
    })
    t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, SCHEDULES / 2])
  })
}

t.test('a driver that says it let go, and did not, is found', async (t) => {
  const result = await explore({
    scenario: parseConcurrent('meeting.scn', scenario(CASES[0] as Case)),
    drivers: { svm: driver('keeps-what-it-was-shown') },
    schedules: SCHEDULES,
    jobs: 1,
    shrink: false,
  })
  t.match(result.violation?.message, /update\(\) returned from HMM_MUNMAP and left A\+0 to the hardware/)
})
