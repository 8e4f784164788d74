// @ts-check
/** Does the driver keep the contract, and does its scenario hold? */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { explore, testDriver } from 'hmm-runtime'

/** @param {string} name */
const beside = (name) => fileURLToPath(new URL(name, import.meta.url))

test('it keeps the contract', async () => {
  const { checks } = await testDriver(beside('./driver.js'), { eras: ['sequence'], schedules: 20, seconds: 1 })
  for (const check of checks) assert.ok(check.ok, `${check.name}: ${check.message}`)
})

test('its scenario holds', async () => {
  const { violation } = await explore({ scenario: beside('./tile.scn'), schedules: 200 })
  assert.equal(violation, undefined, violation?.table)
})
