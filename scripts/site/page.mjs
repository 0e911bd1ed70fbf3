/** The frame of a page of the site: menu, search, the way to its neighbours. */

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"

/**
 * Returns the HTML of a page. `sections` become the outline (levels 2 and 3), `groups` the menu, `previous` and `next` are pages of the
 * menu or undefined; `nameOf(page)` is the file of a page.
 */
export function pageText({ title, html, sections, groups, previous, next, name, nameOf, version }) {
  const menu = groups.map(
    ({ title: group, pages }) => `<h2>${escapeHtml(group)}</h2>
<ul>${pages.map((page) => `<li><a href="${nameOf(page)}"${nameOf(page) === name ? ' aria-current="page"' : ''}>${escapeHtml(page.title)}</a></li>`).join('')}</ul>`,
  )
  const outline = sections
    .filter(({ level }) => level === 2 || level === 3)
    .map(
      ({ anchor, title: heading, level }) =>
        `<li class="level-${level}"><a href="#${anchor}">${escapeHtml(heading)}</a></li>`,
    )
  const neighbours = [
    previous && `<a rel="prev" href="${nameOf(previous)}">← ${escapeHtml(previous.title)}</a>`,
    next && `<a rel="next" href="${nameOf(next)}">${escapeHtml(next.title)} →</a>`,
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escapeHtml(title)}${title === 'RelayRunner' ? '' : ' · RelayRunner'}</title>
<link rel="stylesheet" href="style.css">
<script src="theme.js"></script>
<script src="minisearch.js" defer></script>
<script src="search-index.js" defer></script>
<script src="search.js" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<a class="name" href="index.html">RelayRunner</a><span class="version">${escapeHtml(version)}</span>
<div class="search" role="search">
<label for="query" class="hidden">Search the documentation</label>
<input id="query" type="search" placeholder="Search (press /)" autocomplete="off" role="combobox" aria-expanded="false" aria-controls="results">
<ul id="results" role="listbox" aria-label="Results" hidden></ul>
</div>
<button id="theme" type="button" aria-label="Change between light and dark">◐</button>
</header>
<div class="columns">
<nav class="menu" aria-label="Pages"><details id="pages" open><summary>All pages</summary>
${menu.join('\n')}
</details></nav>
<main id="content">
${html}
<nav class="neighbours" aria-label="Neighbouring pages">${neighbours.map((one) => one ?? '<span></span>').join('')}</nav>
</main>
<nav class="outline" aria-label="On this page">${outline.length > 1 ? `<h2>On this page</h2><ul>${outline.join('')}</ul>` : ''}</nav>
</div>
</body>
</html>
`
}

function escapeHtml(text) {
  return text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign])
}
