/**
 * Makes the documentation a static web site: `node scripts/site.mjs [FOLDER]` (default `site`). The pages, their order and the groups of
 * the menu are those of `docs/README.md`. The site needs no server, also for its search: it can be opened from the disk.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, normalize, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import MiniSearch from 'minisearch'
import { pagesOf } from './site/menu.mjs'
import { pageText } from './site/page.mjs'
import { render } from './site/render.mjs'
import { searchOptions } from './site/search-options.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const target = resolve(process.argv[2] ?? join(root, 'site'))
const { repository, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const sourceUrl = repository?.url.replace(/^git\+/, '').replace(/\.git$/, '')

const groups = pagesOf(readFileSync(join(root, 'docs/README.md'), 'utf8'), 'docs')
const pages = groups.flatMap((group) => group.pages)
const targets = new Map(pages.map(({ source }) => [source, nameOf(source)]))
targets.set('docs/README.md', 'contents.html')

rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })
const sections = []
const contents = { source: 'docs/README.md', title: 'Contents' }
for (const page of [...pages, contents]) {
  const markdown = readFileSync(join(root, page.source), 'utf8')
  const rendered = render(markdown, (href) => linkFrom(page.source, href))
  const name = targets.get(page.source)
  for (const section of rendered.sections)
    sections.push({ ...section, id: sections.length, page: rendered.title, url: `${name}#${section.anchor}` })
  const at = pages.indexOf(page)
  const neighbours = { previous: pages[at - 1], next: at < 0 ? undefined : pages[at + 1] }
  const text = pageText({
    ...rendered,
    ...neighbours,
    name,
    groups,
    version,
    nameOf: (one) => targets.get(one.source),
  })
  writeFileSync(join(target, name), text)
}

const search = new MiniSearch(searchOptions)
search.addAll(sections)
writeFileSync(
  join(target, 'search-index.js'),
  `window.searchIndex = ${JSON.stringify(JSON.stringify(search))}\n`,
)
for (const file of ['style.css', 'search.js', 'theme.js'])
  cpSync(join(root, 'scripts/site/assets', file), join(target, file))
cpSync(join(root, 'node_modules/minisearch/dist/umd/index.js'), join(target, 'minisearch.js'))
console.log(`${targets.size} pages, ${sections.length} sections: ${join(target, 'index.html')}`)

/** The file of the site for a page: `docs/queues.md` becomes `queues.html`, the README the first page. */
function nameOf(source) {
  return source === 'README.md' ? 'index.html' : `${basename(source, '.md').toLowerCase()}.html`
}

/** What a link of a page becomes: a page of the site, or the file where the sources are published; undefined when it is nowhere. */
function linkFrom(source, href) {
  if (/^(?:[a-z]+:|#)/.test(href)) return href
  const [path, anchor] = href.split('#')
  const file = normalize(join(dirname(source), path)).replace(/\/$/, '')
  const page = targets.get(file)
  if (page !== undefined) return anchor === undefined ? page : `${page}#${anchor}`
  return sourceUrl === undefined ? undefined : `${sourceUrl}/blob/main/${file}`
}
