/**
 * Two actors ask for the last of the object memory at once: can they be given the same words? The size classes share one
 * counter of what was taken from the heap, and have a lock each.
 *
 *     A                                        B
 *     takes a chunk: beyond the end
 *                                              takes an object: beyond the end, since A's chunk still counts
 *     gives the chunk back
 *     takes one object: it fits
 *                                              gives its object back: the counter now points into A's     [Forbidden]
 *
 * Every order with up to four switches is tried, on two real threads.
 */
import { isMainThread } from 'node:worker_threads'
import { allocObject, createHeap, type ObjectKind, objectKind } from '../../shared/frame/objects.ts'
import { regionAt, regionWords } from '../../shared/memory/regions.ts'
import { LINE_WORDS } from '../../shared/memory/words.ts'
import type { Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { meet, TURN_WORDS, takeTurns } from '../support/turns.ts'

const KINDS = [objectKind(46, 'two lines', 2 * LINE_WORDS), objectKind(47, 'one line', LINE_WORDS)] as const
/** Lines that are left when one actor asks for two and the other for one. */
const LINES_LEFT = 4
/** Accesses of an allocation that fails twice, and one more. */
const MOST = 8

interface Span {
  readonly from: number
  readonly to: number
}

function take(task: Task, kind: ObjectKind): Span | null {
  const from = allocObject(task, kind)
  return from === 0 ? null : { from, to: from + kind.words }
}

/** Each of two actors takes one object in every order there is. Returns the orders that went wrong. */
export function lastObjects(task: Task): string[] {
  const turns = regionAt(task.words, 'programs')
  const results = turns + TURN_WORDS
  const bad: string[] = []
  for (let order = 0; order < MOST ** 3; order++) {
    const [a, b, c] = [order % MOST, Math.floor(order / MOST) % MOST, Math.floor(order / MOST ** 2)]
    if (task.id === 0) emptyHeap(task)
    meet(task, turns, 2)
    const done = takeTurns(task, turns, [
      [0, a],
      [1, b],
      [0, c],
      [1, MOST],
    ])
    task.words[results + task.id] = allocObject(task, KINDS[task.id as 0 | 1])
    done()
    meet(task, turns, 2)
    if (task.id === 0 && !isAll(allSpans(task, results))) bad.push(`${a} ${b} ${c}`)
  }
  return bad
}

/** A heap with a few lines left. */
function emptyHeap(task: Task): void {
  const heap = regionAt(task.words, 'heap')
  createHeap(task)
  task.words[heap] = heap + regionWords(task.words, 'heap') - LINES_LEFT * LINE_WORDS
}

/** What the two were given, and all that can be had after it. */
function allSpans(task: Task, results: number): Span[] {
  const spans = KINDS.map((kind, i) => ({ from: task.words[results + i] as number, words: kind.words }))
    .filter(({ from }) => from !== 0)
    .map(({ from, words }) => ({ from, to: from + words }))
  for (let span = take(task, KINDS[1]); span !== null; span = take(task, KINDS[1])) spans.push(span)
  return spans
}

/** Do the spans cover what was left, each word once? */
function isAll(spans: Span[]): boolean {
  spans.sort((a, b) => a.from - b.from)
  const apart = spans.every(({ to }, i) => to <= (spans[i + 1]?.from ?? to))
  return apart && spans.reduce((sum, { from, to }) => sum + to - from, 0) === LINES_LEFT * LINE_WORDS
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('whatever the order, nobody is given words that somebody else has, and nothing is lost', async (t) => {
    const crew = startCrew(t, { cpus: 2 })
    const [bad] = await crew.run(import.meta.url, 'lastObjects')
    t.same(bad, [])
  })

  t.test('what this test asks can be answered with no', async (t) => {
    const line = (from: number, lines: number) => ({ from: from * LINE_WORDS, to: (from + lines) * LINE_WORDS })
    t.equal(isAll([line(0, 2), line(2, 1), line(3, 1)]), true)
    t.equal(isAll([line(0, 2), line(1, 2)]), false, 'an overlap')
    t.equal(isAll([line(0, 2), line(2, 1)]), false, 'a line is lost')
  })
}
