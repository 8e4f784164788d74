/**
 * Course `mailbox`: two cpus, a ring to each. Cpu 0 sends a number and times until its answer is there; cpu 1 answers what it gets. The
 * same ring carries commands to engines and faults to services.
 *
 *   awake    cpu 0 sends the next number at once: cpu 1 still looks for it; MAIL_BATCH of them are timed as one
 *   parked   cpu 0 sends it when cpu 1 sleeps: it is woken, answers, and finds cpu 0 still looking, or asleep
 */
import { NO_MM } from '../../notifier/mmhead.ts'
import { get, put } from '../../seam/plain.ts'
import type { Task } from '../../seam/task.ts'
import { createRing, type Ring, ringConsume, ringPeek, ringPublish, ringReserve, ringWait } from '../../sync/ring.ts'
import { awaitFinished, awaitRun, finishRun, openRun, runBoard, setRunBoard } from '../rendezvous.ts'
import { type Board, createBoard, freeBoard, MAIL_SLOTS, MAIL_WORDS, mailAt } from './board.ts'
import { awaitSleep, MAIL_BATCH, type MailboxCourse, mustBe, WARM_UP_SHARE } from './course.ts'
import type { Samples } from './samples.ts'

/** Ends the answerer. */
const LAST = -1
const ANSWERER = 1

/** The part of cpu 0. */
export function askByMail(task: Task, { parked, rounds }: MailboxCourse, samples: Samples): void {
  const board = createBoard(task)
  const there = createRing(task, mailAt(board, 1), { slots: MAIL_SLOTS, slotWords: MAIL_WORDS, consumer: ANSWERER })
  const back = createRing(task, mailAt(board, 0), { slots: MAIL_SLOTS, slotWords: MAIL_WORDS, consumer: task.id })
  setRunBoard(task, board)
  openRun(task, NO_MM, 2)
  const warm = Math.ceil(rounds / WARM_UP_SHARE)
  const batch = parked ? 1 : MAIL_BATCH
  for (let round = 1; round <= rounds; ) {
    if (parked) awaitSleep(task, ANSWERER)
    const since = task.nowNs()
    for (let i = 0; i < batch; i++, round++) {
      send(task, there, round)
      const answer = receive(task, back)
      mustBe(answer === round, `${round} was sent, and ${answer} came back`)
    }
    const ns = task.nowNs() - since
    if (round > warm) samples.add(ns)
  }
  send(task, there, LAST)
  awaitFinished(task, 2)
  freeBoard(task, board)
}

/** The part of cpu 1. */
export function answerMail(task: Task): void {
  awaitRun(task)
  const board = runBoard(task) as Board
  const asked = mailAt(board, 1) as Ring
  const answers = mailAt(board, 0) as Ring
  for (let number = receive(task, asked); number !== LAST; number = receive(task, asked)) send(task, answers, number)
  finishRun(task)
}

function send(task: Task, ring: Ring, value: number): void {
  const slot = ringReserve(task, ring)
  mustBe(slot !== 0, 'one message at a time does not fill a ring')
  put(task, slot, value)
  ringPublish(task, ring)
}

function receive(task: Task, ring: Ring): number {
  ringWait(task, ring)
  const value = get(task, ringPeek(task, ring))
  ringConsume(task, ring, 1)
  return value
}
