/** The dashboard in a real browser. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { startLive } from '../helpers/live-server.js'
import { eventually } from '../helpers/wait.js'

const executablePath = '/usr/bin/chromium'
const skip = existsSync(executablePath) ? false : 'there is no chromium'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const token = 'a token of the test'

async function startBrowser(t: TestContext): Promise<Browser> {
  const browser = await chromium.launch({ executablePath, headless: true, args })
  t.after(() => browser.close())
  return browser
}

/** Opens a page; what its console complains of, and requests to anywhere else, are faults. */
async function openPage(
  browser: Browser,
  url: string,
  options: object = {},
): Promise<{ page: Page; faults: string[] }> {
  const page = await (await browser.newContext(options)).newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text())
  })
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) faults.push(request.url())
  })
  await page.goto(url)
  return { page, faults }
}

test('an operator logs in, sees a failure with its stack, pauses a queue and retries the job', {
  skip,
}, async (t) => {
  const server = await startLive(t, { dashboard: { address: '127.0.0.1:0', token } })
  const url = server.announced.find(({ what }) => what === 'dashboard')?.where ?? ''
  const { page, faults } = await openPage(await startBrowser(t), url)
  await page.getByLabel('Token').fill(token)
  await page.keyboard.press('Enter')
  await page.locator('#main').waitFor()
  await server.push('mail', 'wait', 'fail')
  // The job that fails is seen running, too, or not any more.
  await page.locator('#workers').getByText('busy').first().waitFor()
  await page.locator('#failures summary').getByText('RangeError').click()
  await page.locator('#failures pre').getByText('waits-or-fails.mjs').waitFor()
  await page
    .getByRole('button', { name: /^Stack of worker/ })
    .first()
    .click()
  await page.getByRole('dialog').getByText('the event loop is idle').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Pause mail' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('button', { name: 'Resume mail' }).waitFor()
  await page.getByRole('button', { name: 'Failed jobs of mail' }).click()
  await page.getByRole('dialog').getByText('told to fail').first().click()
  await page.getByRole('button', { name: 'Retry this job' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click()
  await page.getByText('1 job is back in mail.').waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('no such worker')
  await page.getByText('No worker matches.').waitFor()
  assert.deepEqual(faults, [])
})

test('on a phone, and in the dark, nothing is wider than the screen; a stop of the server is told', {
  skip,
}, async (t) => {
  const server = await startLive(t, { dashboard: { address: '127.0.0.1:0' } })
  const url = server.announced.find(({ what }) => what === 'dashboard')?.where ?? ''
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'dark' }
  // The link of the banner logs in.
  const { page, faults } = await openPage(await startBrowser(t), url, phone)
  await server.push('later', 'fine')
  await page.locator('#workers').getByText('idle').first().waitFor()
  assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true)
  assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(13, 17, 23)')
  assert.equal(await page.evaluate('location.hash'), '')
  // Every control has a name.
  assert.equal(
    await page.evaluate(
      `[...document.querySelectorAll('button, input, select')].every((one) => one.labels?.length > 0 || one.ariaLabel || one.textContent.trim() !== '')`,
    ),
    true,
  )
  assert.deepEqual(faults, [])
  await server.stop()
  await eventually(
    async () => (await page.locator('#link').textContent())?.startsWith('no connection') === true,
  )
})
