/**
 * A device that can only pin its memory (pinned). What does it answer, what may still become of a pinned page, and is everything given back
 * whatever the address space does?
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'
import { sequential } from '../support/families.ts'

t.test('pages are bound, worked on, and given back', async (t) => {
  t.same(
    await sequential('pinned', [
      'mmap A 4 rw private',
      'bind 0 A 0 4 rw',
      'submit 0 A 0 4 5',
      'madvise A 0 4 pageout',
      'submit 0 A 1 1 2',
      'unbind 0 A 0 4',
      'load A 0',
      'load A 1',
      'submit 0 A 0 1 5',
    ]),
    ['ok', 'ok', 'ok', 'ok', 'ok', 'ok', '5', '7', 'ENOENT'],
  )
})

t.test('an area that is not there, or may not be written: nothing is pinned', async (t) => {
  t.same(
    await sequential('pinned', [
      'mmap A 2 rw private',
      'mprotect A 1 1 r',
      'bind 0 A 0 2 rw',
      'bind 0 A 1 1 r',
      'submit 0 A 1 1 3',
    ]),
    ['ok', 'ok', 'EFAULT', 'ok', 'EPERM'],
  )
})

t.test('what is unmapped, or dropped, is the device alone: its jobs run, and nobody sees them', async (t) => {
  t.same(
    await sequential('pinned', [
      'mmap A 2 rw private',
      'store A 0 7',
      'bind 0 A 0 2 rw',
      'madvise A 0 1 dontneed',
      'submit 0 A 0 2 1',
      'load A 0',
      'munmap A 1 1',
      'submit 0 A 1 1 1',
      'unbind 0 A 0 2',
      'load A 0',
    ]),
    ['ok', 'ok', 'ok', 'ok', 'ok', '0', 'ok', 'ok', 'ok', '0'],
  )
})

t.test('a child of fork has a copy, and the device goes on with the parent', async (t) => {
  t.same(
    await sequential('pinned', [
      'mmap A 1 rw private',
      'store A 0 7',
      'bind 0 A 0 1 rw',
      'fork',
      'proc 1',
      'load A 0',
      'proc 0',
      'store A 0 20',
      'submit 0 A 0 1 1',
      'unbind 0 A 0 1',
      'load A 0',
      'proc 1',
      'load A 0',
    ]).then((answers) => answers.filter((answer) => /^\d+$/.test(answer))),
    ['7', '21', '7'],
  )
})

const CASES = [
  {
    question: 'binding a page that is put out and moved at that moment',
    threads: [
      'thread user cpu',
      'b: bind 0 A 0 1 rw',
      's: submit 0 A 0 1 1',
      'u: unbind 0 A 0 1',
      'thread kswapd reclaim',
      'pageout A 0 1',
      'thread compact reclaim',
      'move A 0 1',
    ],
    expect: ['b is ok', 's is ok', 'u is ok', 'final load A 0 is 8'],
  },
  {
    question: 'a job on a page that a cpu adds to while it is write-protected and back',
    threads: [
      'thread user cpu',
      'bind 0 A 0 1 rw',
      'submit 0 A 0 1 1',
      'u: unbind 0 A 0 1',
      'thread cpu1 cpu',
      'mprotect A 0 1 r',
      'mprotect A 0 1 rw',
      'add A 0 2',
    ],
    expect: ['u is ok or ENOENT', 'final load A 0 is 9 or 10'],
  },
  {
    question: 'binding a page that another device has: both work on it',
    threads: ['thread user cpu', 'bind 0 A 0 1 rw', 'submit 0 A 0 1 1', 'unbind 0 A 0 1', 'thread gpu dev 1', 'dadd 1 A 0 1 2'],
    expect: ['final load A 0 is 10'],
  },
]

for (const { question, threads, expect } of CASES) {
  t.test(question, async (t) => {
    const text = [
      'scenario pins',
      'device 0 pinned',
      'device 1 svm',
      'setup',
      '  mmap A 1 rw private',
      '  store A 0 7',
      ...threads.map((line) => (line.startsWith('thread') ? line : `  ${line}`)),
      'expect',
      ...expect.map((line) => `  ${line}`),
    ].join('\n')
    const result = await explore({ scenario: parseConcurrent('pins.scn', text), schedules: 40, jobs: 1 })
    t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, 40])
  })
}
