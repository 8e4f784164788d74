/**
 * Is a find the same run in another process, whatever was found? One of the core, a lock order, a deadlock, a lost wake-up, a
 * livelock, and one in a long random scenario: recorded as they were found, replayed by a new node. `npm run test:replays` does that
 * with 200 finds, and other versions of Node.
 */
import t from 'tap'
import { sources } from './finds.ts'
import { record, replayAll } from './record.ts'

const SAMPLE: readonly (readonly [name: string, oracle: string])[] = [
  ['invalidate-only-at-end', 'PG'],
  ['begin-under-lock', 'DLK'],
  ['leftThenRight, rightThenLeft', 'DLK'],
  ['consumeCarelessly, produce', 'WAKE'],
  ['awaitsFlag, wavesFlag', 'PROG'],
  ['random, driver skips-the-check', 'PERM'],
]

t.test('six finds, and another process', async (t) => {
  const folder = t.testdir()
  const all = await sources()
  for (const [name, oracle] of SAMPLE) {
    const source = all.find((one) => one.name === name)
    t.equal(source === undefined ? null : await record(folder, source, 2), oracle, name)
  }
  const replayed = replayAll(process.execPath, folder)
  t.same(
    replayed.map(({ problem }) => problem),
    SAMPLE.map(() => null),
  )
})
