/**
 * A browser for tests of pages: Debian's, by playwright-core, offline. Where there is none a test is skipped and says so; in
 * continuous integration there has to be one.
 */
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Why there is no browser, or false. */
export const NO_BROWSER: string | false =
  existsSync(CHROMIUM) || (process.env.CI ?? '') !== '' ? false : `there is no browser at ${CHROMIUM} (apt-get install chromium)`

export interface Opened {
  readonly page: Page
  /** Addresses that were asked for, and what went wrong in the page. */
  readonly requests: readonly string[]
  readonly errors: readonly string[]
}

export class PageBrowser {
  private readonly browser: Browser

  private constructor(browser: Browser) {
    this.browser = browser
  }

  static async start(): Promise<PageBrowser> {
    return new PageBrowser(await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] }))
  }

  /** Opens a file in a context of its own, without a network. */
  async open(file: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
    const context = await this.browser.newContext({ offline: true, colorScheme, viewport: { width: 1400, height: 1000 } })
    const page = await context.newPage()
    const requests: string[] = []
    const errors: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text())
    })
    await page.goto(pathToFileURL(file).href)
    return { page, requests, errors }
  }

  close(): Promise<void> {
    return this.browser.close()
  }
}
