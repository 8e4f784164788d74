// @ts-check
/** Does my-driver keep the contract, and does its scenario hold in every schedule that is tried? */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { explore, testDriver } from 'hmm-runtime'

/** @param {string} name */
const beside = (name) => fileURLToPath(new URL(name, import.meta.url))

test('my-driver keeps the contract', async () => {
  // For the night: schedules: 10_000, seconds: 60, and all eras of the protocol (leave eras out).
  const report = await testDriver(beside('./driver.js'), { eras: ['sequence'], schedules: 20, seconds: 1 })
  for (const check of report.checks)
    assert.ok(check.ok, `${check.name}: ${check.message}\n${check.table ?? ''}\n${check.token ?? ''}`)
})

test('my-driver.scn holds', async () => {
  const { violation } = await explore({ scenario: beside('./my-driver.scn'), schedules: 200 })
  assert.equal(violation, undefined, violation?.table)
})
