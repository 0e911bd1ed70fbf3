/** Turns a page's Markdown into HTML, with the sections that the search finds. */
import hljs from 'highlight.js/lib/common'
import MarkdownIt from 'markdown-it'

const startChars = 160

/**
 * Renders a page. `link` says what an address of the page becomes, undefined for one that leads nowhere: its text stays.
 * Returns `{ title, html, sections }`; a section is `{ anchor, title, text, start, level }`, `text` without marks, `start` its first words.
 */
export function render(markdown, link) {
  const parser = new MarkdownIt({ html: true, highlight })
  const tokens = parser.parse(markdown, {})
  const anchors = new Set()
  const sections = []
  for (const [at, token] of tokens.entries()) {
    if (token.type === 'heading_open') {
      const title = plain(tokens[at + 1])
      const anchor = anchorOf(title, anchors)
      token.attrSet('id', anchor)
      sections.push({ anchor, title, text: '', level: Number(token.tag.slice(1)) })
    } else if (token.type === 'inline' && tokens[at - 1]?.type !== 'heading_open') {
      add(sections, plain(token))
    } else if (token.type === 'fence') add(sections, token.content)
    if (token.type === 'inline') relink(token.children, link)
  }
  for (const section of sections) section.start = section.text.slice(0, startChars)
  const html = parser.renderer.render(tokens, parser.options, {})
  return {
    title: sections[0]?.title ?? '',
    html: html.replace(/<table>/g, '<div class="table"><table>').replace(/<\/table>/g, '</table></div>'),
    sections,
  }
}

function add(sections, text) {
  const section = sections.at(-1)
  if (section !== undefined)
    section.text += `${section.text === '' ? '' : ' '}${text.replace(/\s+/g, ' ').trim()}`
}

function plain(token) {
  return token.children.map(({ type, content }) => (type === 'softbreak' ? ' ' : content)).join('')
}

/** Gives links their addresses in the site; a link that leads nowhere becomes its text. */
function relink(children, link) {
  let isDropped = false
  for (const child of children) {
    if (child.type === 'link_open') {
      const href = link(child.attrGet('href'))
      isDropped = href === undefined
      if (!isDropped) child.attrSet('href', href)
    }
    if (isDropped && child.type.startsWith('link_')) {
      if (child.type === 'link_close') isDropped = false
      Object.assign(child, { type: 'text', tag: '', nesting: 0, content: '' })
    }
  }
}

/** The anchor that GitHub gives the heading: links of the pages work in both places. */
function anchorOf(title, taken) {
  const slug = title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
  let anchor = slug
  for (let again = 1; taken.has(anchor); again += 1) anchor = `${slug}-${again}`
  taken.add(anchor)
  return anchor
}

/** Colours code; an unknown language stays as it is. */
function highlight(code, language) {
  if (!hljs.getLanguage(language)) return ''
  return hljs.highlight(code, { language }).value
}
