/**
 * Threads of a scenario in several processes: what a process has is its own, forking, ending, opening and closing may meet anything, and
 * everything is given back.
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'

interface Case {
  readonly question: string
  readonly devices: readonly string[]
  readonly setup: readonly string[]
  readonly threads: readonly string[]
  readonly expect: readonly string[]
}

const PAGE = ['mmap A 2 rw private', 'store A 0 7', 'store A 1 8']
const TWO = [...PAGE, 'fork']

const CASES: readonly Case[] = [
  {
    question: 'two address spaces share one device: each sees its own pages',
    devices: ['svm'],
    setup: TWO,
    threads: [
      'thread one cpu',
      'a: add A 0 1',
      'b: load A 0',
      'thread two cpu proc 1',
      'c: add A 0 10',
      'd: load A 0',
      'thread gpu dev 0 proc 1',
      'dadd 0 A 0 1 100',
      'e: dread 0 A 0 1',
    ],
    expect: ['b is 8', 'd is 17 or 117', 'e is ok values=107 or ok values=117', 'final load A 0 is 8'],
  },
  {
    question: 'fork at any moment: the child has what was there, and the device goes on with the parent',
    devices: ['svm'],
    setup: PAGE,
    threads: ['thread user cpu', 'f: fork', 'l: load A 0', 'e: exit 1', 'thread gpu dev 0', 'dadd 0 A 0 1 1', 'g: dread 0 A 0 1'],
    expect: ['f is ok P1', 'e is ok', 'g is ok values=8', 'l is 7 or 8'],
  },
  {
    question: 'a device is closed and opened again while it works',
    devices: ['svm'],
    setup: PAGE,
    threads: ['thread user cpu', 'c: close 0', 'o: open 0', 'thread gpu dev 0', 'a: dread 0 A 0 1', 'b: dwrite 0 A 1 1 9'],
    expect: ['c is ok', 'o is ok', 'a is ok values=7 or EFAULT', 'b is ok or EFAULT'],
  },
  {
    question: 'a process ends while its device works, and another one goes on',
    devices: ['svm', 'svm'],
    setup: TWO,
    threads: [
      'thread user cpu',
      'e: exit 1',
      's: store A 0 9',
      'thread gpu dev 0',
      'a: dread 0 A 0 1',
      'thread other dev 1',
      'b: dadd 1 A 1 1 1',
    ],
    expect: ['e is ok', 's is ok', 'a is ok values=7 or ok values=9', 'final load A 1 is 9'],
  },
  {
    question: 'two devices with memory hand a page to and fro',
    devices: ['mirror memory=2', 'mirror memory=2'],
    setup: PAGE,
    threads: [
      'thread one cpu',
      'migrate_dev 0 A 0 2',
      'migrate_sys 0 A 0 2',
      'thread two cpu',
      'migrate_dev 1 A 0 2',
      'thread user cpu',
      'add A 0 1',
      'add A 1 1',
    ],
    expect: ['final load A 0 is 8', 'final load A 1 is 9'],
  },
]

const SCHEDULES = 60

for (const { question, devices, setup, threads, expect } of CASES) {
  t.test(question, async (t) => {
    const text = [
      'scenario processes',
      ...devices.map((family, number) => `device ${number} ${family}`),
      'setup',
      ...setup.map((line) => `  ${line}`),
      ...threads.map((line) => (line.startsWith('thread') ? line : `  ${line}`)),
      'expect',
      ...expect.map((line) => `  ${line}`),
    ].join('\n')
    const result = await explore({ scenario: parseConcurrent('processes.scn', text), schedules: SCHEDULES, jobs: 1 })
    t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, SCHEDULES])
  })
}

t.test('closing a device walks its whole table, which is long and no livelock', async (t) => {
  const text = [
    'scenario close',
    'era events',
    'device 0 svm',
    'setup',
    '  mmap A 1 rw private',
    'thread user cpu',
    '  c: close 0',
    'thread gpu dev 0',
    '  dread 0 A 0 1',
    'expect',
    '  c is ok',
  ].join('\n')
  const result = await explore({ scenario: parseConcurrent('close.scn', text), schedules: 30, jobs: 1 })
  t.equal(result.violation?.message, undefined)
})

for (const [lines, message] of [
  [['thread a cpu proc 4', '  load A 0'], /^s.scn:2: a process has a number from 0 to 3, not 4/],
  [['thread a cpu', '  exit 0'], /^s.scn:3: process 0 has a cpu thread/],
  [
    ['device 0 svm', 'thread a cpu', '  close 0', 'thread b cpu', '  snapshot 0 A 0 1'],
    /^s.scn:4: device 0 is closed here, and another thread of the process has commands for it/,
  ],
] as const) {
  t.test(`${lines.join('; ')}: refused with its place`, (t) => {
    t.throws(() => parseConcurrent('s.scn', ['scenario s', ...lines].join('\n')), { message })
    t.end()
  })
}

t.test('a thread in a process that the set-up does not leave', async (t) => {
  const text = 'scenario s\nsetup\n  mmap A 1 rw private\nthread a cpu proc 2\n  load A 0\n'
  await t.rejects(explore({ scenario: parseConcurrent('s.scn', text), schedules: 2, jobs: 1 }), {
    message: /a thread is in process 2, and the set-up leaves none of that number/,
  })
})
