/**
 * Does the suite for drivers (testDriver) find what is wrong with one? Drivers with one mistake each, and modules that are none. It never
 * throws: what it finds is in the report.
 */
import { relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t from 'tap'
import { type DriverCheck, replay, testDriver } from '../../src/index.ts'

const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf('.'))

function driver(name: string): string {
  return fileURLToPath(new URL(`../drivers/${name}${EXTENSION}`, import.meta.url))
}

/** The driver of a known race. */
function racing(id: string): string {
  return fileURLToPath(new URL(`../../src/races/${id}/driver${EXTENSION}`, import.meta.url))
}

const TESTS = fileURLToPath(new URL('../', import.meta.url))

/** A find ends the search: with luck it is among the first hundred. */
const MOST = 3000

for (const [url, only, sentence] of [
  [driver('skips-the-check'), /^a fault meets madvise dontneed/, /^(PG|SUB): device 0 (read|wrote|still maps) A\+0/],
  [driver('defers-the-invalidation'), /^reads and writes what is there/, /^LIFE: .* a mirror is touched after it was freed/],
  [racing('touched-unowned-frame'), /^a fault meets munmap/, /^REF: DMA mappings of device 0: 1 at the end, 0 at the start/],
] as const) {
  t.test(`${relative(TESTS, url)}: found by the explorer, and replayed by its token`, async (t) => {
    const report = await testDriver(url, { eras: ['sequence'], schedules: MOST, only })
    t.same([report.ok, report.checks.length], [false, 2])
    const find = report.checks[1] as DriverCheck
    t.match(find.message, sentence)
    t.match(find.table, /^ step +/)
    const again = await replay(find.token as string)
    t.same([again.same, again.table], [true, find.table])
  })
}

t.test('leaks-at-detach: found when it is opened and closed, and when memory is short', async (t) => {
  const { ok, checks } = await testDriver(driver('leaks-at-detach'), { eras: ['sequence'], schedules: 0, seconds: 0 })
  t.equal(ok, false)
  const messageOf = (name: string) => checks.find((check) => check.name === name)?.message
  t.match(messageOf('opened and closed, twice'), /^not everything was returned: range: 2 at the end, 0 at the start/)
  t.match(
    messageOf('opened while memory is short'),
    /^with allocation \d+ failing: not everything was returned: range: 1 at the end/,
  )
})

t.test('throws: the sentence says where, and whose fault it is', async (t) => {
  const { checks } = await testDriver(driver('throws'), { eras: ['sequence'], only: /load/, seconds: 20 })
  t.match(checks.at(-1), {
    name: 'under load, while memory is taken back',
    ok: false,
    message: /driver throws of device \d failed in invalidate\(\): the firmware said no/,
  })
})

t.test(
  'a module that is no driver, one that cannot be loaded, and one that does not go with an era: one check, one sentence',
  async (t) => {
    const folder = t.testdir({
      'nothing.mjs': 'export const driver = 1',
      'torn.mjs': 'export default {',
      'half.mjs': "export default { name: 'half', invalidate: () => true, invalidateStart: () => 0 }",
    })
    for (const [url, options, sentence] of [
      [
        `${folder}/nothing.mjs`,
        {},
        /nothing.mjs does not export a driver: its default export must be what defineDriver\(\) returns$/,
      ],
      [`${folder}/torn.mjs`, {}, /^the driver .*torn.mjs could not be loaded: Unexpected/],
      [`${folder}/half.mjs`, {}, /has only one of invalidateStart\(\) and invalidateFinish\(\)$/],
      [pathToFileURL(`${folder}/missing.mjs`).href, {}, /^the driver .*missing.mjs could not be loaded: Cannot find module/],
      ['pinned', { eras: ['events'] }, /^driver pinned has no update\(\): era events calls that/],
    ] as const) {
      const { ok, checks } = await testDriver(url, options)
      t.equal(ok, false)
      t.match(checks, [{ name: 'is loaded, and is a driver', ok: false, message: sentence }])
      t.equal(checks.length, 1)
    }
  },
)

t.test('a driver whose attach answers what is no errno', async (t) => {
  const folder = t.testdir({ 'five.mjs': "export default { name: 'five', attach: () => 5, invalidate: () => true }" })
  const { checks } = await testDriver(`${folder}/five.mjs`, { eras: ['sequence'], only: /twice/ })
  t.match(checks[1]?.message, /driver five of device 0 failed in attach\(\): it answered 5, and not 0 or a negative errno$/)
})
