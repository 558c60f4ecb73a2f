// The pages of `dumpstack report` and `dumpstack check --html` in a browser, as a person opens it: it loads nothing, says nothing on the console, and can be read by everybody,
// on a phone, in the dark and on paper.
import { copyFileSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasTool, npmJudge } from '../conformance/tools.ts'
import { dumpstack, repository, temporaryFolder } from './cli.ts'

const CHROMIUM = '/usr/bin/chromium'
const [playwright, axe] = ['playwright-core', 'axe-core/axe.min.js'].map(npmJudge)
const SMALL = ['--ram', '64M', '--cpus', '1']

/** What is used of playwright-core, which no clone installs. */
interface Playwright {
  chromium: { launch(options: object): Promise<Browser> }
}
interface Browser {
  newPage(options: object): Promise<Page>
  close(): Promise<void>
}
interface Page {
  on(event: 'console', hear: (message: { text(): string }) => void): void
  on(event: 'pageerror', hear: (error: Error) => void): void
  on(event: 'dialog', hear: (dialog: { message(): string }) => void): void
  on(event: 'request', hear: (request: { url(): string }) => void): void
  goto(url: string): Promise<unknown>
  evaluate(code: string): Promise<unknown>
  emulateMedia(options: object): Promise<void>
  close(): Promise<void>
}

// Code of the page: this room knows no DOM.
const SCROLL_WIDTH = 'document.documentElement.scrollWidth'
const UNFOLD = "for (const details of document.querySelectorAll('details')) details.open = true"
const HIDDEN = `[...document.querySelectorAll('main h2, main h3, main table, main svg, main pre, main li, main td')]
  .filter((one) => !one.checkVisibility() || one.getBoundingClientRect().height === 0)
  .map((one) => one.outerHTML.slice(0, 100))`
const AXE_RUN =
  'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const fileOf = (run: string): string =>
  path.join(folder.path, run === 'check' ? 'check.html' : `${run}/report.html`)

/** File systems of Windows refuse it. */
const NAME = process.platform === 'win32' ? 'x.sys' : `x<img src=q onerror=alert(1)>&amp;'\u202e.sys`
const DRIVER = path.join(folder.path, NAME)

beforeAll(() => {
  const miniport = path.join(repository, 'guest/miniports/bin/dsahci-b20')
  copyFileSync(`${miniport}.sys`, DRIVER)
  const driver = ['--driver', DRIVER, '--pdb', `${miniport}.pdb`]
  const test = (...args: readonly string[]) => dumpstack(folder.path, 'test', ...SMALL, ...args)
  test('--out', 'healthy')
  test('--dumps', 'full', '--out', 'broken', ...driver)
  test('--dumps', 'full', '--out', 'truncated', '--scenario', 'truncated-dump')
  test('--dumps', 'full', '--out', 'stopped', '--stop-after', 'crash')
  dumpstack(folder.path, 'check', DRIVER, '--pdb', `${miniport}.pdb`, '--plan', 'one', '--html', 'check.html')
  for (const run of RUNS) {
    const { code, stdout, stderr } = dumpstack(folder.path, 'report', run)
    expect([code, stdout, stderr]).toEqual([0, `Report: ${run}/report.html\n`, ''])
  }
}, 300_000)

const RUNS = ['healthy', 'broken', 'truncated', 'stopped']
const PAGES = [...RUNS, 'check']

it('replaces its own report, in the run folder and elsewhere, and nothing else', () => {
  const before = readFileSync(fileOf('healthy'))
  expect(dumpstack(folder.path, 'report', 'healthy').code).toBe(0)
  expect(readFileSync(fileOf('healthy'))).toEqual(before)
  expect(dumpstack(folder.path, 'report', 'healthy', '--out', 'page.html').code).toBe(0)
  expect(dumpstack(folder.path, 'report', 'healthy', '--out', 'page.html').code).toBe(0)
  expect(readFileSync(path.join(folder.path, 'page.html'))).toEqual(before)
  const refused = dumpstack(folder.path, 'report', 'healthy', '--out', 'healthy/journal.jsonl')
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('is a file of the run in')])
})

it.each(['broken', 'check'])(
  '%s has the driver and the line of its sources, and nothing of a name but text',
  (page) => {
    const text = readFileSync(fileOf(page), 'utf8')
    expect(text).toContain('hba.c:50</code>')
    expect(text).toContain(
      NAME.replaceAll('&', '&amp;')
        .replace('<', '&lt;')
        .replace('>', '&gt;')
        .replace("'", '&#39;')
        .replace('\u202e', '\\u202e'),
    )
    expect(text).not.toContain('<img')
  },
)

const hasBrowser = playwright && axe && hasTool('chromium')
describe.runIf(hasBrowser)('in a browser (needs chromium and DUMPSTACK_JUDGES)', () => {
  let browser: Browser
  beforeAll(async () => {
    const { chromium } = createRequire(import.meta.url)(playwright!) as Playwright // what it exports
    const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync']
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [...args, '--disable-background-networking', '--disable-component-update'],
    })
  })
  afterAll(async () => await browser.close())

  async function opened(
    run: string,
    width: number,
    colorScheme: 'light' | 'dark',
    look: (page: Page) => Promise<void>,
  ) {
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme })
    const heard: string[] = []
    page.on('console', (message) => heard.push(message.text()))
    page.on('pageerror', (error) => heard.push(error.message))
    page.on('dialog', (dialog) => heard.push(dialog.message()))
    page.on('request', (request) => heard.push(request.url()))
    try {
      const url = pathToFileURL(fileOf(run)).href
      await page.goto(url)
      expect(heard).toEqual([url])
      await look(page)
    } finally {
      await page.close()
    }
  }

  const cases = PAGES.flatMap(
    (run) =>
      [
        [run, 1100, 'light'],
        [run, 1100, 'dark'],
        [run, 360, 'light'],
      ] as const,
  )
  it.each(cases)('%s at %i pixels, %s', async (run, width, scheme) => {
    await opened(run, width, scheme, async (page) => {
      expect(await page.evaluate(SCROLL_WIDTH)).toBeLessThanOrEqual(width)
      await page.evaluate(UNFOLD)
      expect(await axeFindings(page)).toEqual([])
    })
  })

  it.each(PAGES)('%s on paper has all of it', async (run) => {
    await opened(run, 700, 'dark', async (page) => {
      await page.emulateMedia({ media: 'print' })
      expect(await page.evaluate(HIDDEN)).toEqual([])
      expect(await page.evaluate(SCROLL_WIDTH)).toBeLessThanOrEqual(700)
    })
  })
})

/** Rules of WCAG and good practice that are broken, with the elements. */
async function axeFindings(page: Page): Promise<unknown> {
  await page.evaluate(readFileSync(axe!, 'utf8'))
  return await page.evaluate(AXE_RUN)
}
