import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { projectFolder } from './helpers/project.js'

/** Every page that people read, by path from the checkout. */
const pages = ['.', '.github', 'docs', 'examples', 'workers'].flatMap((folder) =>
  readdirSync(join(projectFolder, folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
    .map((file) => normalize(`${folder}/${file}`)),
)

/** Links of a text, without those in code. */
function linksOf(text: string): string[] {
  const prose = text.replace(/^ *(```|~~~)[\s\S]*?^ *\1/gm, '')
  const inline = prose.replace(/`[^`\n]*`/g, 'code')
  return [...inline.matchAll(/\]\(([^()\s]+)\)/g)].map(([, link = '']) => link)
}

/** Anchors that GitHub gives the headings of a text. */
function anchorsOf(text: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading = ''] of text
    .replace(/^ *```[\s\S]*?^ *```/gm, '')
    .matchAll(/^#{1,6} +(.+?)#* *$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-')
    let name = slug
    for (let again = 1; found.has(name); again += 1) name = `${slug}-${again}`
    found.add(name)
  }
  return found
}

/** Why a relative link of that page leads nowhere; undefined when it does lead somewhere. */
function brokenBy(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#')
  const file = path === '' ? page : normalize(join(dirname(page), decodeURI(path)))
  const where = join(projectFolder, file)
  if (!existsSync(where)) return `there is no ${file}`
  if (anchor === undefined || statSync(where).isDirectory()) return undefined
  return anchorsOf(readFileSync(where, 'utf8')).has(anchor) ? undefined : `${file} has no heading #${anchor}`
}

test('every relative link of a page leads to a file, and its anchor to a heading', () => {
  assert.ok(pages.includes('README.md') && pages.includes('docs/lambda.md'))
  for (const page of pages) {
    for (const link of linksOf(readFileSync(join(projectFolder, page), 'utf8'))) {
      if (/^[a-z]+:/.test(link)) continue
      const why = brokenBy(page, link)
      assert.equal(why, undefined, `${page} links to ${link}: ${why}`)
    }
  }
})

test('anchors are told as GitHub makes them', () => {
  const text = '# One `rr x`\n## One `rr x`\n```sh\n# not a heading\n```\n## A [link](b.md), and it’s 2\n'
  assert.deepEqual([...anchorsOf(text)], ['one-rr-x', 'one-rr-x-1', 'a-link-and-its-2'])
})

test('a link in code is not a link, and one around code is', () => {
  assert.deepEqual(linksOf('[`a`](a.md) `[b](b.md)`\n```\n[c](c.md)\n```\n'), ['a.md'])
})
