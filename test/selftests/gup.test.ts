/**
 * hmm.hmm_gup_test: whoever takes a reference to a page in device memory finds it at home, and writable if asked for. The
 * kernel's test asks in four ways (plain, fast, pinned, pinned for long); with device-private memory all four are this one.
 */
import t from 'tap'
import { Interpreter } from '../../shared/actor/interpreter.ts'
import mirror from '../../shared/drivers/mirror.ts'
import type { Frame } from '../../shared/frame/frames.ts'
import { framePut } from '../../shared/frame/zones.ts'
import { getUserPage } from '../../shared/mm/gup.ts'
import { mmapSem } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downRead, upRead } from '../../shared/sync/rwsem.ts'
import { parseSequential } from '../../src/scenario/parse.ts'
import { I, moved, perms, Script } from '../support/selftest.ts'
import { solo } from '../support/solo.ts'

const PAGES = 4
const DEVICE_PAGES = 64

/** Plays a script line by line; says where an answer differs. */
function play(interpreter: Interpreter, write: (k: Script) => void): string[] {
  const script = new Script()
  write(script)
  return parseSequential('gup', script.text).lines.flatMap(({ line, op, expected }) => {
    const got = interpreter.run(op)
    return got === expected ? [] : [`line ${line}: ${got}, not ${expected}`]
  })
}

/** Gets the page for writing, as gup_test does, and gives it back. */
function getAndPut(task: Task, interpreter: Interpreter, handle: string, page: number): boolean {
  const process = interpreter.processes.current()
  const start = process?.handles.get(handle)?.start
  if (process === null || start === undefined) return false
  downRead(task, mmapSem(process.mm), MMAP_SEM)
  const frame = getUserPage(task, process.mm, start + page, true)
  upRead(task, mmapSem(process.mm))
  if (frame >= 0) framePut(task, frame as Frame)
  return frame >= 0
}

t.test('hmm.hmm_gup_test', async (t) => {
  const { task, leftovers } = solo({ drivers: [mirror], deviceFrames: [DEVICE_PAGES] })
  const interpreter = new Interpreter(task)
  const migrated = play(interpreter, (k) => {
    k.buffer('A', I(PAGES))
    k.answers(`migrate_dev 0 A 0 ${PAGES}`, moved(I(PAGES)))
    k.answers(`snapshot 0 A 0 ${PAGES}`, perms(`DEV_PRIVATE_LOCAL|WRITE*${PAGES}`))
  })
  t.same(migrated, [])
  for (let page = 0; page < PAGES; page++) t.ok(getAndPut(task, interpreter, 'A', page), `page ${page}`)
  const afterwards = play(interpreter, (k) => {
    k.answers(`snapshot 0 A 0 ${PAGES}`, perms(`WRITE*${PAGES}`))
    k.holds('A', I(PAGES))
  })
  t.same(afterwards, [])
  interpreter.processes.exitAll()
  t.same(leftovers(), [])
})
