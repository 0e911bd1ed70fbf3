import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import vm from 'node:vm'
import MiniSearch from 'minisearch'
import { projectFolder } from './helpers/project.js'

const site = mkdtempSync(join(tmpdir(), 'rr-site-'))
after(() => rmSync(site, { recursive: true, force: true }))
const run = spawnSync(process.execPath, [join(projectFolder, 'scripts/site.mjs'), site], { encoding: 'utf8' })
const pages = readdirSync(site).filter((file) => file.endsWith('.html'))
const htmlOf = (page: string) => readFileSync(join(site, page), 'utf8')

test('every page of docs is in the table of contents, and so in the site', () => {
  assert.equal(run.status, 0, run.stderr)
  const contents = readFileSync(join(projectFolder, 'docs/README.md'), 'utf8')
  for (const file of readdirSync(join(projectFolder, 'docs')).filter((name) => name.endsWith('.md'))) {
    if (file === 'README.md') continue
    assert.equal(contents.split(`](${file})`).length, 2, `docs/README.md names ${file} once`)
    assert.ok(existsSync(join(site, file.replace('.md', '.html'))), file)
  }
})

test('links within the site lead to a page and an anchor that are there', () => {
  const ids = new Map(pages.map((page) => [page, new Set(htmlOf(page).match(/(?<= id=")[^"]+/g))]))
  for (const page of pages) {
    for (const [, href = ''] of htmlOf(page).matchAll(/ href="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(href) || href.endsWith('.css')) continue
      const [file = '', anchor] = href.split('#')
      const target = file === '' ? page : file
      assert.ok(ids.has(target), `${page}: ${href}`)
      if (anchor !== undefined) assert.ok(ids.get(target)?.has(anchor), `${page}: ${href}`)
    }
  }
})

test('the search finds a section by what it says, with the options that the browser has', () => {
  const script = readFileSync(join(site, 'search.js'), 'utf8')
  const options = vm.runInNewContext(`(${/const options = (\{.+\})/.exec(script)?.[1]})`)
  const context: { window: { searchIndex?: string } } = { window: {} }
  vm.runInNewContext(readFileSync(join(site, 'search-index.js'), 'utf8'), context)
  const search = MiniSearch.loadJSON(String(context.window.searchIndex), structuredClone(options))
  const found = search.search('visibility timeout', { combineWith: 'AND' }).map(({ url }) => String(url))
  assert.ok(
    found.some((url) => url.startsWith('lambda.html#') || url.startsWith('queues.html#')),
    found.join(' '),
  )
})

test('pages run no script but their own files, and fetch nothing', () => {
  for (const page of pages) {
    const html = htmlOf(page)
    assert.match(html, /Content-Security-Policy" content="default-src 'none'; script-src 'self'/)
    assert.doesNotMatch(html, /<script(?![^>]* src="[a-z-]+\.js")/, page)
  }
})
