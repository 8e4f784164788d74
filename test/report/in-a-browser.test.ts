/** Does a page open in a real browser without a network, step forwards and back, and bear names with markup and 100,000 steps? */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { document } from '../../src/documents.ts'
import { sceneOf } from '../../src/explore/scene.ts'
import type { Scene } from '../../src/explore/sceneshape.ts'
import { explore, report } from '../../src/index.ts'
import { retell } from '../../src/replay.ts'
import { renderPage } from '../../src/report/html.ts'
import type { PageModel } from '../../src/report/model.ts'
import { pack } from '../../src/report/pack.ts'
import { NO_BROWSER, type Opened, PageBrowser } from '../support/browser.ts'

const HOSTILE = `<script>document.title='owned'</script><img src=x onerror="document.title='owned'">`

async function browserOf(t: Test): Promise<PageBrowser> {
  const browser = await PageBrowser.start()
  t.teardown(() => browser.close())
  return browser
}

/** Nothing but the file was asked for, nothing failed. */
function calm(t: Test, { requests, errors }: Opened): void {
  t.same(
    requests.filter((address) => !address.startsWith('file://')),
    [],
  )
  t.equal(requests.length, 1, 'the file, and nothing else')
  t.same(errors, [])
}

const textIn = async (page: Page, selector: string) => (await page.locator(selector).textContent()) ?? ''
const placeIn = (page: Page) => textIn(page, '.place')

/** What the current row of the list says, by its cells. */
async function currentRow(page: Page): Promise<{ column: number; text: string }> {
  const cells = await page.locator('.row.current [role=cell]').allTextContents()
  const column = cells.findIndex((text, i) => i > 0 && text.trim() !== '')
  return { column: column - 1, text: (cells[column] ?? '').trim() }
}

t.test('a find: each row by key, forwards and back, as in the table', { skip: NO_BROWSER }, async (t) => {
  const browser = await browserOf(t)
  const found = await explore({ bug: 'recheck-outside-lock', seed: 1, schedules: 1000 })
  const { recording: _, violation: __, ...violation } = found.violation as NonNullable<typeof found.violation>
  const result = { campaign: 'test', shards: { of: 1, parts: [1], unfinished: [] }, scenarios: [{ ...found, violation }] }
  const file = join(t.testdir(), 'find.html')
  writeFileSync(file, await report(document('explore', false, result)))
  const { rows } = sceneOf((await retell(violation.token)).told)

  const opened = await browser.open(file)
  const { page } = opened
  t.match(
    await textIn(page, '.verdict'),
    /^found PG \(page generation\): .* a bug of this depth is found by one schedule with a probability of at least/,
  )
  const seen: { column: number; text: string }[] = []
  for (let i = 0; i < rows.length; i++) {
    seen.push(await currentRow(page))
    await page.keyboard.press('ArrowRight')
  }
  t.same(
    seen,
    rows.map(({ column, text }) => ({ column, text: text.replaceAll('->', '→') })),
  )
  t.match(await textIn(page, 'td.stale'), /stale: the CPU page table has no entry/)
  t.equal(await placeIn(page), `row ${rows.length} of ${rows.length}`, 'further than the last there is nothing')

  const back: { column: number; text: string }[] = []
  for (let i = 0; i < rows.length; i++) {
    back.push(await currentRow(page))
    await page.keyboard.press('ArrowLeft')
  }
  t.same(back.reverse(), seen, 'and back')
  t.equal(await page.locator('td.stale').count(), 0, 'nothing is stale at the beginning')
  await page.keyboard.press('End')
  t.equal(await placeIn(page), `row ${rows.length} of ${rows.length}`)
  await page.keyboard.press('Home')
  t.equal(await placeIn(page), `row 1 of ${rows.length}`)
  await page.getByLabel('One row on').click()
  t.equal(await placeIn(page), `row 2 of ${rows.length}`)
  await page.getByRole('slider').fill('9')
  t.equal(await placeIn(page), `row 10 of ${rows.length}`)
  const odd = rows.find(({ text }) => text.startsWith('invalidation sequence: 2 -> 3'))?.step as number
  await page.getByLabel('step', { exact: true }).fill(String(odd))
  await page.keyboard.press('Enter')
  t.match(await textIn(page, '.now'), `step ${odd}`)
  t.match(await textIn(page, '.state'), /3 \(odd: an invalidation is running\)/)
  t.match(await textIn(page, '.state'), /mmap_sem \(shared\)/)
  calm(t, opened)
  t.end()
})

/** A run of `length` rows of hostile names. */
function longScene(length: number): Scene {
  return {
    actors: [HOSTILE, 'gpu (engine 0)'],
    slots: [
      { group: 'locks', column: 0, label: HOSTILE },
      { group: 'words', label: `word ${HOSTILE}` },
      { group: 'pages', page: 'A+0', table: 'CPU', label: 'CPU, A+0' },
      { group: 'pages', page: 'A+0', table: 'device 0', label: 'device 0, A+0' },
    ],
    values: [{ text: 'none' }, { text: HOSTILE }, { text: 'frame 7, rw', stale: HOSTILE }],
    initial: [0, 0, 0, 0],
    rows: Array.from({ length }, (_, i) => ({
      step: i + 1,
      column: i % 2,
      kind: 'change' as const,
      text: `row ${i} of ${HOSTILE}`,
      changes: [[i % 4, (i + 1) % 3] as const],
    })),
  }
}

t.test('100,000 rows with markup in every name', { skip: NO_BROWSER }, async (t) => {
  const browser = await browserOf(t)
  const model: PageModel = {
    title: HOSTILE,
    tone: 'finding',
    verdict: HOSTILE,
    facts: [[HOSTILE, HOSTILE]],
    sections: [
      { kind: 'stage', title: HOSTILE, note: HOSTILE, scene: pack(longScene(100_000)) },
      { kind: 'table', title: HOSTILE, note: HOSTILE, columns: [HOSTILE], numeric: [], rows: [[HOSTILE]] },
      { kind: 'text', title: HOSTILE, note: HOSTILE, text: HOSTILE },
    ],
  }
  const file = join(t.testdir(), 'long.html')
  writeFileSync(file, renderPage(model))
  const opened = await browser.open(file)
  const { page } = opened
  t.equal(await page.title(), HOSTILE)
  t.equal(await textIn(page, 'h1'), HOSTILE, 'a name is text')
  t.equal(await page.locator('img').count(), 0)
  t.ok((await page.locator('.sheet .row').count()) < 100, 'only rows in sight are elements')
  await page.keyboard.press('End')
  t.equal(await placeIn(page), 'row 100,000 of 100,000')
  t.match((await currentRow(page)).text, /^row 99999 of <script>/)
  t.ok(await page.locator('.row.current').isVisible())
  const began = performance.now()
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Home')
  await page.getByLabel('step', { exact: true }).first().fill('50001')
  await page.keyboard.press('Enter')
  t.equal(await placeIn(page), 'row 50,001 of 100,000')
  t.ok(performance.now() - began < 10_000, 'a jump is no walk')
  // Row i gives slot i % 4 value (i + 1) % 3: what stands there after 50,000 is what a walk would find.
  const cells = page.locator('.state td')
  const shown = await cells.allTextContents()
  t.equal(shown.length, 4)
  t.match(shown.join('|'), /frame 7, rw/)
  calm(t, opened)
  t.end()
})

t.test('light and dark differ, and text stands out from its background in both', { skip: NO_BROWSER }, async (t) => {
  const browser = await browserOf(t)
  const model: PageModel = {
    title: 'Colours',
    tone: 'finding',
    verdict: 'A verdict.',
    facts: [['name', 'value']],
    sections: [{ kind: 'stage', title: 'A run', note: '', scene: pack(longScene(20)) }],
  }
  const file = join(t.testdir(), 'colours.html')
  writeFileSync(file, renderPage(model))
  const backgrounds: string[] = []
  for (const scheme of ['light', 'dark'] as const) {
    const { page } = await browser.open(file, scheme)
    backgrounds.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
    const poor = await page.evaluate(POOR_CONTRAST)
    t.same(poor, [], scheme)
  }
  t.not(backgrounds[0], backgrounds[1])
  t.end()
})

/** In the page: elements with text whose contrast is below 4.5 to 1. */
const POOR_CONTRAST = `(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor)
      if (colour.length === 3 || colour[3] === 1) return colour
    }
    return [255, 255, 255]
  }
  const poor = []
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '') || element.tagName === 'SCRIPT') continue
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x)
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(element.tagName + '.' + element.className + ' ' + ((a + 0.05) / (b + 0.05)).toFixed(2))
  }
  return poor
})()`
