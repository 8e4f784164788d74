/** Does a stress run measure what its page shows: phases, causes of retries, samples, locks; and does the page show them? */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PHASES } from '../../shared/seam/stats.ts'
import { BOOK_NAMES } from '../../shared/sync/classes.ts'
import { document, stressDocument } from '../../src/documents.ts'
import { report, stress } from '../../src/index.ts'
import { NO_BROWSER, PageBrowser } from '../support/browser.ts'

t.test('measured where it is asked for, and shown', async (t) => {
  const result = await stress({ seconds: 2.5, noise: 0, phases: true })
  t.same(result.violations, [])
  for (const phase of PHASES) t.ok((result.latency[phase]?.count ?? 0) > 0, `${phase} was measured`)
  const installs = result.latency.install?.count ?? 0
  const checks = result.latency.check?.count ?? 0
  t.ok(checks >= installs, 'nothing is installed that was not checked')
  t.ok((result.latency.walk?.count ?? 0) >= checks, 'nothing is checked that was not read')
  const causes = Object.values(result.retry_causes).reduce((sum, count) => sum + count, 0)
  t.equal(causes, result.retries, 'every retry has a cause')
  t.ok(result.samples.length >= 2)
  for (const key of ['seconds', 'operations', 'faults'] as const) {
    const values = result.samples.map((sample) => sample[key])
    t.same(
      values,
      [...values].sort((a, b) => a - b),
      `${key} only grow`,
    )
  }
  const times = new Map(result.locks.times.map((one) => [one.name, one]))
  const driver = times.get('driver lock')
  t.ok(driver !== undefined && driver.taken > 100 && driver.hold_ns > driver.hold_max_ns && driver.wait_ns >= driver.wait_max_ns)
  t.ok(times.has('invalidation window'))
  const backwards = result.locks.order.filter(({ held, taken }) => BOOK_NAMES.indexOf(taken) <= BOOK_NAMES.indexOf(held))
  t.same(backwards, [], 'the order that was seen is the order of the book')
  t.ok(result.locks.order.some(({ held, taken }) => held === 'mmap_sem' && taken === 'page-table lock'))

  const written = document('stress', true, result)
  stressDocument.parse(written)
  await t.test('shown', { skip: NO_BROWSER }, async (t) => {
    const browser = await PageBrowser.start()
    t.teardown(() => browser.close())
    const file = join(t.testdir(), 'stress.html')
    writeFileSync(file, await report(written))
    const { page, requests, errors } = await browser.open(file)
    const headings = await page.locator('h2').allTextContents()
    for (const heading of [
      'Throughput over time',
      'Latency',
      'A fault, phase by phase',
      'Retries by cause',
      'Lock order',
      'Locks: waits and holds',
    ])
      t.ok(headings.includes(heading), heading)
    t.equal(await page.locator('.plot canvas').count(), 3, 'each plot was drawn')
    t.equal(await page.locator('.order .arc').count(), result.locks.order.length)
    t.equal(requests.length, 1)
    t.same(errors, [])
    t.end()
  })
  t.end()
})

t.test('not measured otherwise, and not without checks', async (t) => {
  const result = await stress({ seconds: 0.5, noise: 0 })
  for (const phase of PHASES) t.equal(result.latency[phase], undefined)
  t.same(result.locks.times, [])
  t.ok(result.locks.order.length > 0, 'the order is always known')
  await t.rejects(stress({ seconds: 1, phases: true, checked: false }), { code: 'HMM_ERR_USAGE' })
  t.end()
})
