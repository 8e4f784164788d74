/**
 * What if a page is put out, moved, or its block taken apart at any moment, by somebody who asks nobody? And what if a fault has to do
 * that itself, because memory is out? Explored by PCT, with all oracles, in each era.
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'

interface Case {
  readonly question: string
  readonly memory?: number
  readonly setup: readonly string[]
  readonly threads: readonly string[]
  readonly expect: readonly string[]
}

const ONE_PAGE = ['mmap A 1 rw private', 'store A 0 7']

const CASES: readonly Case[] = [
  {
    question: 'put out, while a cpu and a device add to it',
    setup: ONE_PAGE,
    threads: ['thread kswapd reclaim', 'pageout A 0 1', 'thread user cpu', 'add A 0 1', 'thread gpu dev 0', 'dadd 0 A 0 1 2'],
    expect: ['final load A 0 is 10'],
  },
  {
    question: 'moved to another frame, while a cpu and a device add to it',
    setup: ONE_PAGE,
    threads: ['thread compact reclaim', 'move A 0 1', 'thread user cpu', 'add A 0 1', 'thread gpu dev 0', 'dadd 0 A 0 1 2'],
    expect: ['final load A 0 is 10'],
  },
  {
    question: 'put out and moved by two at once, and dropped by a third',
    setup: ONE_PAGE,
    threads: [
      'thread kswapd reclaim',
      'pageout A 0 1',
      'thread compact reclaim',
      'move A 0 1',
      'thread user cpu',
      'madvise A 0 1 dontneed',
      'thread gpu dev 0',
      'a: dread 0 A 0 1',
    ],
    expect: ['a is ok values=7 or ok values=0'],
  },
  {
    question: 'a fault of a device that finds no frame puts out what another device has',
    memory: 12,
    setup: ['mmap A 12 rw private', ...Array.from({ length: 10 }, (_, page) => `store A ${page} ${page + 1}`)],
    threads: ['thread one dev 0', 'dwrite 0 A 0 2 50', 'thread two dev 1', 'dwrite 1 A 9 3 60', 'thread user cpu', 'add A 2 1'],
    expect: [...[50, 51, 4, 4, 5, 6, 7, 8, 9, 60, 61, 62].map((value, page) => `final load A ${page} is ${value}`)],
  },
]

/** The default era deeply; the others share all but what lies between a window and its driver. */
const schedulesOf = (era: string) => (era === 'sequence' ? 60 : 10)
const ERAS = ['sequence', 'range-valid', 'events', 'two-pass', 'unlocked-timeout'] as const

const inBlock = (line: string) => `  ${line}`

function scenario({ memory, setup, threads, expect }: Case): string {
  return [
    'scenario pressure',
    'notifier inline',
    ...(memory === undefined ? [] : [`memory ${memory} swap=32`]),
    'device 0 svm',
    'device 1 svm',
    'setup',
    ...setup.map(inBlock),
    ...threads.map((line) => (line.startsWith('thread') ? line : inBlock(line))),
    'expect',
    ...expect.map(inBlock),
  ].join('\n')
}

for (const [i, one] of CASES.entries()) {
  t.test(one.question, async (t) => {
    for (const era of ERAS) {
      const result = await explore({
        scenario: parseConcurrent('pressure.scn', scenario(one)),
        era,
        schedules: schedulesOf(era),
        seed: i + 1,
        jobs: 1,
      })
      t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, schedulesOf(era)], era)
    }
  })
}

t.test('a page that is put out is out: the next access brings it in, with what was in it', async (t) => {
  const text = scenario({
    question: '',
    setup: ONE_PAGE,
    threads: [
      'thread kswapd reclaim',
      'out: pageout A 0 1',
      'again: pageout A 0 1',
      'thread user cpu',
      'after again',
      'in: load A 0',
    ],
    expect: ['out is ok pages=1', 'again is ok pages=0', 'in is 7'],
  })
  const result = await explore({ scenario: parseConcurrent('pressure.scn', text), schedules: 5, jobs: 1 })
  t.equal(result.violation, undefined)
})

for (const [line, message] of [
  ['memory', 'memory is: memory PAGES'],
  ['memory some', 'memory is: memory PAGES'],
  ['memory 20 swap=many', 'memory takes swap=PAGES, not "swap=many"'],
] as const) {
  t.test(`${line}: refused with its place`, (t) => {
    const text = `scenario s\n${line}\nthread a cpu\n  load A 0\n`
    t.throws(() => parseConcurrent('s.scn', text), { message: new RegExp(`^s.scn:2: .*${message}`) })
    t.end()
  })
}
