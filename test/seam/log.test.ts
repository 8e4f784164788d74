/** Does a reader of the log get every line once, whole and in order, unless it was overwritten? */
import { isMainThread } from 'node:worker_threads'
import { regionAt, regionWords } from '../../shared/memory/regions.ts'
import { atomicAdd, atomicLoad } from '../../shared/seam/atomics.ts'
import { logLine, readLog } from '../../shared/seam/log.ts'
import type { Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { meet, until } from '../support/meet.ts'
import { solo } from '../support/solo.ts'

const SLOTS = 64
/** Words of a slot before its characters, and of the log before its slots. */
const SLOT_WORDS = 32
const FIRST_SLOT = 16

const START = 0
const DONE = 1
const READ = 2
/** Lines that may be unread before a writer waits for the reader. */
const BACKLOG = 16

/** The last thread reads and returns what it got; the others write `lines` each, of one character, and never overwrite. */
export function writeAndRead(task: Task, lines: number, cpus: number): string[] {
  const at = regionAt(task.words, 'programs')
  meet(task, at + START, cpus)
  if (task.id < cpus - 1) {
    for (let i = 0; i < lines; i++) {
      until(task, () => atomicLoad(task, regionAt(task.words, 'log')) - atomicLoad(task, at + READ) < BACKLOG)
      logLine(task, `${i} ${String.fromCharCode(97 + (i % 26)).repeat(40)}`)
    }
    atomicAdd(task, at + DONE, 1)
    return []
  }
  const got: string[] = []
  for (let next = 0, done = false; !done || next < lines * (cpus - 1); ) {
    done = atomicLoad(task, at + DONE) === cpus - 1
    const read = readLog(task.words, next)
    got.push(...read.lines)
    atomicAdd(task, at + READ, read.next - next)
    next = read.next
  }
  return got
}

/** The last thread reads; the others write as fast as they can and overwrite what it has not read. Returns broken lines. */
export function flood(task: Task, lines: number, cpus: number): string[] {
  const at = regionAt(task.words, 'programs')
  meet(task, at + START, cpus)
  if (task.id < cpus - 1) {
    for (let i = 0; i < lines; i++) logLine(task, String.fromCharCode(97 + (i % 26)).repeat(i % 59))
    atomicAdd(task, at + DONE, 1)
    return []
  }
  const broken: string[] = []
  for (let next = 0; atomicLoad(task, at + DONE) < cpus - 1; ) {
    const read = readLog(task.words, next)
    broken.push(...read.lines.filter((line) => !/^cpu \d: (([a-z])\2*)?$/.test(line)))
    next = read.next
  }
  return broken.slice(0, 10)
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('lines come out in order, with the name of who wrote them, and once', async (t) => {
    const { task, other } = solo()
    logLine(task, 'first')
    logLine(other(1), 'second')
    const { lines, next } = readLog(task.words, 0)
    t.same(lines, ['cpu 0: first', 'cpu 1: second'])
    t.same(readLog(task.words, next), { lines: [], next })
    logLine(task, '')
    t.same(readLog(task.words, next), { lines: ['cpu 0: '], next: next + 1 })
  })

  t.test('a line is cut at 58 characters, and any character of 16 bits survives', async (t) => {
    const { task } = solo()
    const text = 'x'.repeat(57)
    for (const line of [`${text}y`, `${text}yz`, '\u0000\uffff\u00e9\u4e2d', '🙂']) logLine(task, line)
    t.same(
      readLog(task.words, 0).lines,
      [`${text}y`, `${text}y`, '\u0000\uffff\u00e9\u4e2d', '🙂'].map((line) => `cpu 0: ${line}`),
    )
  })

  t.test(`the ring keeps the last ${SLOTS}; what was overwritten is missing, and the number goes on`, async (t) => {
    const { task } = solo()
    for (let i = 0; i < 3 * SLOTS + 5; i++) logLine(task, `line ${i}`)
    const { lines, next } = readLog(task.words, 0)
    t.equal(next, 3 * SLOTS + 5)
    t.equal(lines.length, SLOTS)
    t.equal(lines[0], `cpu 0: line ${2 * SLOTS + 5}`)
    t.equal(lines.at(-1), `cpu 0: line ${3 * SLOTS + 4}`)
    t.same(readLog(task.words, 3 * SLOTS + 4).lines, [`cpu 0: line ${3 * SLOTS + 4}`])
  })

  t.test(
    'a line that is being written holds the reader up, so that it is not lost; one that never comes is passed over',
    async (t) => {
      const { task } = solo()
      const log = regionAt(task.words, 'log')
      logLine(task, 'before')
      task.words[log] = 2 // a writer has drawn its number, and written nothing yet
      logLine(task, 'after')
      const first = readLog(task.words, 0)
      t.same(first, { lines: ['cpu 0: before'], next: 1 })
      task.words.copyWithin(log + FIRST_SLOT + SLOT_WORDS, log + FIRST_SLOT, log + FIRST_SLOT + SLOT_WORDS)
      task.words[log + FIRST_SLOT + SLOT_WORDS] = 2 // and now it has
      t.same(readLog(task.words, first.next), { lines: ['cpu 0: before', 'cpu 0: after'], next: 3 })

      task.words[log] = 4 // another draws a number and is gone
      for (let i = 0; i < SLOTS; i++) logLine(task, `later ${i}`)
      t.equal(readLog(task.words, 3).lines.length, SLOTS, 'the ring came round: nothing to wait for')
    },
  )

  t.test('a machine too small for a log takes lines and drops them', async (t) => {
    const { task } = solo({ bytes: 512 * 1024 })
    t.equal(regionWords(task.words, 'log'), 0)
    logLine(task, 'nobody hears this')
    t.same(readLog(task.words, 0), { lines: [], next: 0 })
  })

  t.test('a reader that keeps up misses nothing of three writers', async (t) => {
    const crew = startCrew(t)
    const lines = 2_000
    const got = (await crew.run(import.meta.url, 'writeAndRead', lines, 4))[3] as string[]
    for (const id of [0, 1, 2]) {
      const of = got.filter((line) => line.startsWith(`cpu ${id}: `))
      t.same(
        of,
        Array.from({ length: lines }, (_, i) => `cpu ${id}: ${i} ${String.fromCharCode(97 + (i % 26)).repeat(40)}`),
      )
    }
  })

  t.test('a reader that is overrun never gets half of one line and half of another', async (t) => {
    const crew = startCrew(t, { cpus: 2 })
    const [, broken] = await crew.run(import.meta.url, 'flood', 300_000, 2)
    t.same(broken, [])
  })
}
