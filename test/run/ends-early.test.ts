/**
 * What ends a run before its last file? A signal, a run worker that dies, or the caller's own error. It ends with the files
 * that were run or with one clear error, and no worker is left.
 */
import t from 'tap'
import { RunFailure, run } from '../../src/index.ts'
import { type SpreadOptions, spread } from '../../src/run/spread.ts'
import { passing, scenarioFolder } from './scenarios.ts'

const SETUP = { notify: 'dispatcher', era: 'sequence', engines: 2, seed: 1, cores: 1 } as const
const FILES = Array.from({ length: 60 }, (_, i) => ({ file: `${i}.scn`, lines: [{ line: 1, op: { op: 'fork' } as const }] }))

/** Threads and ports that keep this thread from ending. */
function workers(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /worker|messageport/i.test(name))
}

function dying(): URL {
  return new URL(`./dying-worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)
}

function spreadOver(jobs: number, more: Partial<SpreadOptions> = {}): Promise<void> {
  return spread(FILES, { jobs, setup: SETUP, onResult: () => {}, ...more })
}

for (const jobs of [1, 2]) {
  t.test(`a signal ends a run with ${jobs} jobs: what was run is a prefix of the files`, async (t) => {
    const folder = scenarioFolder(
      t,
      FILES.map((_, i) => passing(i)),
    )
    const controller = new AbortController()
    let told = 0
    const result = await run([folder], {
      jobs,
      signal: controller.signal,
      onFile: () => {
        if (++told === 10) controller.abort()
      },
    })
    t.equal(result.interrupted, true)
    t.ok(result.files.length >= 10 && result.files.length < 60, `${result.files.length} files were run`)
    t.same(
      result.files.map(({ file }) => file.slice(-7)),
      FILES.slice(0, result.files.length).map((_, i) => `${String(i).padStart(3, '0')}.scn`),
    )
    t.equal(result.passed, result.files.length)
    t.same(workers(), [])
  })
}

t.test('a signal that was given before: nothing is run', async (t) => {
  const folder = scenarioFolder(
    t,
    FILES.map((_, i) => passing(i)),
  )
  for (const jobs of [1, 2]) {
    const result = await run([folder], { jobs, signal: AbortSignal.abort() })
    t.match(result, { interrupted: true, files: [], passed: 0 })
  }
})

t.test('a run worker dies: the error names the file it was in, and the others are ended', async (t) => {
  const told: string[] = []
  const error = await spreadOver(2, { worker: dying(), onResult: ({ file }) => told.push(file) }).catch(
    (thrown: unknown) => thrown,
  )
  t.type(error, RunFailure)
  t.match(error, { code: 'HMM_ERR_DIED', message: /^a run worker died in (3|11)\.scn: worker exited with code: 7$/ })
  t.same(told.slice(0, 3), ['0.scn', '1.scn', '2.scn'].slice(0, told.length), 'what it had answered was heard, in order')
  t.same(workers(), [])
})

t.test('a worker module that is not there', async (t) => {
  await t.rejects(spreadOver(2, { worker: new URL('./not-there.js', import.meta.url) }), {
    code: 'HMM_ERR_DIED',
    message: /^a run worker died before its first file: Cannot find module/,
  })
  t.same(workers(), [])
})

t.test("the caller's own error comes through, and ends the run", async (t) => {
  const mine = new Error('mine')
  const onResult = () => {
    throw mine
  }
  t.equal(await spreadOver(2, { onResult }).catch((thrown: unknown) => thrown), mine)
  t.same(workers(), [])
  const folder = scenarioFolder(
    t,
    FILES.map((_, i) => passing(i)),
  )
  t.equal(await run([folder], { jobs: 1, onFile: onResult }).catch((thrown: unknown) => thrown), mine)
})

t.test('these workers would be seen: one that runs is', async (t) => {
  let during: string[] = []
  await spreadOver(2, {
    onResult: () => {
      during = workers()
    },
  })
  t.not(during.length, 0)
})
