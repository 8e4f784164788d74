/**
 * A device that cannot fault is given user memory at submission (userptr). What does it answer, and what if the memory changes between the
 * look and the submission, or while the job runs?
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'
import { sequential } from '../support/families.ts'

t.test('the answers of its commands', async (t) => {
  t.same(
    await sequential('userptr', [
      'mmap A 4 rw private',
      'mmap B 1 r private',
      'submit 0 A 0 1 5',
      'bind 0 A 0 4 rw',
      'bind 0 A 3 1 rw',
      'submit 0 A 0 4 5',
      'submit 0 A 1 2 2',
      'unbind 0 A 0 2',
      'unbind 0 A 0 4',
      'load A 0',
      'load A 1',
      'load A 3',
      'submit 0 A 0 1 5',
      'bind 0 B 0 1 r',
      'submit 0 B 0 1 1',
      'bind 0 A 0 0 rw',
    ]),
    ['ok', 'ok', 'ENOENT', 'ok', 'EBUSY', 'ok', 'ok', 'ENOENT', 'ok', '5', '7', '5', 'ENOENT', 'ok', 'EPERM', 'EINVAL'],
  )
})

t.test('what the pages are refused with is what the submitter is told', async (t) => {
  t.same(
    await sequential('userptr', [
      'mmap A 2 rw private',
      'bind 0 A 0 2 rw',
      'mprotect A 1 1 r',
      'submit 0 A 0 1 1',
      'munmap A 1 1',
      'submit 0 A 0 1 1',
    ]),
    ['ok', 'ok', 'ok', 'EPERM', 'ok', 'EFAULT'],
  )
})

interface Case {
  readonly question: string
  readonly setup?: readonly string[]
  readonly threads: readonly string[]
  readonly expect: readonly string[]
}

const BOUND = ['mmap A 2 rw private', 'store A 0 7', 'store A 1 8', 'bind 0 A 0 2 rw']

const CASES: readonly Case[] = [
  {
    question: 'a submission that meets a munmap: it is refused, or its job is done before the page goes',
    threads: ['thread user cpu', 's: submit 0 A 0 2 1', 'thread cpu1 cpu', 'munmap A 1 1'],
    expect: ['s is ok or EAGAIN or EFAULT', 'final load A 0 is 7 or 8'],
  },
  {
    question: 'a job that meets the page going out: what it added is not lost',
    threads: ['thread user cpu', 's: submit 0 A 0 1 1', 'after s', 'u: unbind 0 A 0 2', 'thread kswapd reclaim', 'pageout A 0 2'],
    expect: ['outcome s=ok u=ok', 'outcome s=EAGAIN u=ok', 'final load A 0 is 7 or 8'],
  },
  {
    question: 'two submitters of one buffer, and a cpu that adds to it',
    threads: ['thread one cpu', 'a: submit 0 A 0 2 1', 'thread two cpu', 'b: submit 0 A 1 1 2', 'thread three cpu', 'add A 1 4'],
    expect: ['a is ok', 'b is ok', 'final load A 1 is 12 or 13 or 14 or 15'],
  },
  {
    question: 'a page that is dropped while a job runs on it',
    threads: ['thread user cpu', 's: submit 0 A 0 1 1', 'thread cpu1 cpu', 'madvise A 0 1 dontneed'],
    expect: ['s is ok or EAGAIN', 'final load A 0 is 0 or 1'],
  },
  {
    question: 'the OOM reaper, which may not wait for a job, is refused',
    threads: ['thread user cpu', 's: submit 0 A 0 1 1', 'thread oom reclaim', 'r: reap A 0 2'],
    expect: ['r is EAGAIN', 's is ok', 'final load A 1 is 8'],
  },
]

const ERAS = ['sequence', 'range-valid', 'two-pass', 'unlocked-timeout'] as const
const inBlock = (line: string) => `  ${line}`

for (const { question, setup = BOUND, threads, expect } of CASES) {
  t.test(question, async (t) => {
    const text = [
      'scenario submission',
      'notifier dispatcher',
      'device 0 userptr',
      'setup',
      ...setup.map(inBlock),
      ...threads.map((line) => (line.startsWith('thread') ? line : inBlock(line))),
      'expect',
      ...expect.map(inBlock),
    ].join('\n')
    for (const era of ERAS) {
      const schedules = era === 'sequence' ? 40 : 8
      const result = await explore({ scenario: parseConcurrent('submission.scn', text), era, schedules, jobs: 1 })
      t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, schedules], era)
    }
  })
}
