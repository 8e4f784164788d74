/**
 * Do the built-in families pass the suite that a driver of anybody's is run against (testDriver), in every era that they run in? With
 * few schedules: the depth is in the tests of each family.
 */
import t from 'tap'
import { type DriverCheck, type Era, testDriver } from '../../src/index.ts'

const wrong = (checks: readonly DriverCheck[]) => checks.filter(({ ok }) => !ok).map(({ name, message }) => `${name}: ${message}`)
const names = (checks: readonly DriverCheck[]) => checks.map(({ name }) => name)

const LOADED = 'is loaded, and is a driver'
const UNDER_LOAD = 'under load, while memory is taken back'

const FAMILIES: readonly (readonly [family: string, era: Era, only: RegExp, checks: readonly string[]])[] = [
  [
    'svm',
    'sequence',
    /fault meets m|two devices fault on one page|busy|load/,
    [
      'a fault meets munmap',
      'a write fault meets mprotect: nothing changes behind it',
      'a fault meets madvise dontneed: what was written before is gone, what comes after stays',
      'two devices fault on one page',
      UNDER_LOAD,
    ],
  ],
  [
    'odp',
    'events',
    /^closed|what the process may not|OOM|command/,
    [
      'closed after its address space has ended',
      'closed with pages that the device has',
      'closed while the device faults',
      'refuses an unknown command',
      'is refused what the process may not do',
      'the OOM reaper, which may not wait, meets a fault',
    ],
  ],
  [
    'userptr',
    'two-pass',
    /^closed|submission|load/,
    [
      'closed after its address space has ended',
      'closed with pages that the device has',
      'a submission meets munmap',
      UNDER_LOAD,
    ],
  ],
  ['pinned', 'range-valid', /short|job meets m/, ['opened while memory is short', 'a job meets madvise dontneed']],
  ['mirror', 'unlocked-timeout', /two cpus|load/, ['two cpus touch a page in device memory', UNDER_LOAD]],
]

for (const [family, era, only, checks] of FAMILIES) {
  t.test(`${family}, in era ${era}: nothing is wrong`, async (t) => {
    const told: DriverCheck[] = []
    const onCheck = (check: DriverCheck) => told.push(check)
    const report = await testDriver(family, { eras: [era], schedules: 3, seconds: 0.3, seed: 5, only, onCheck })
    t.same([report.driver, report.ok, wrong(report.checks)], [family, true, []])
    t.same(told, report.checks, 'each check was told as it was done')
    t.same(names(report.checks), [LOADED, ...checks])
  })
}

for (const [family, eras] of [
  ['svm', ['sequence', 'events', 'range-valid', 'two-pass', 'unlocked-timeout']],
  ['pinned', ['sequence', 'range-valid', 'two-pass', 'unlocked-timeout']],
] as const) {
  t.test(`${family} is opened and closed in ${eras.length} eras, if none are named`, async (t) => {
    const report = await testDriver(family, { schedules: 0, seconds: 0, only: /twice|short/ })
    t.same(wrong(report.checks), [])
    t.same([...new Set(report.checks.map(({ era }) => era))], eras)
    t.notOk(names(report.checks).includes(UNDER_LOAD))
  })
}

t.test("bad options are the caller's fault, and thrown", async (t) => {
  for (const [options, sentence] of [
    [{ eras: ['sometime'] }, /^there is no era "sometime"; there are: events, /],
    [{ eras: [] }, /^a driver is tested in one era at least$/],
    [{ schedules: 1.5 }, /^the number of schedules is a whole number, not 1.5$/],
    [{ seconds: -1 }, /^a driver is under load for 0 to 86400 seconds, not -1$/],
    [{ seed: -1 }, /^a seed is a whole number from 0 to 4294967295, not -1$/],
  ] as const)
    await t.rejects(testDriver('svm', options as never), { code: 'HMM_ERR_USAGE', message: sentence })
  await t.rejects(testDriver('./no-driver.js'), {
    code: 'HMM_ERR_USAGE',
    message: /^there is no device family ".\/no-driver.js"/,
  })
})
