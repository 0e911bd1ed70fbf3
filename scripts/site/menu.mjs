/** Reads the menu of the documentation from its table of contents. */
import { join, normalize } from 'node:path'

/**
 * Returns the groups of a table of contents in Markdown, `[{ title, pages: [{ title, source }] }]`: a heading of the second level is a
 * group, the first link of an item is a page. `folder` is where the table stands; `source` is a path from the checkout.
 */
export function pagesOf(markdown, folder) {
  const groups = []
  for (const line of markdown.split('\n')) {
    const heading = /^## (.+)$/.exec(line)
    if (heading) groups.push({ title: heading[1], pages: [] })
    const item = /^- \[([^\]]+)\]\(([^)]+\.md)\)/.exec(line)
    if (item)
      groups
        .at(-1)
        .pages.push({ title: item[1].replaceAll('`', ''), source: normalize(join(folder, item[2])) })
  }
  return groups
}
