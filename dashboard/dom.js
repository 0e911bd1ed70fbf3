/** Small tools for the page: elements, tables that change in place, formats. Text only ever goes in as text. */

/** Makes an element: properties, then children. A property of a function is a listener, `null` leaves it out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue
    if (typeof value === 'function') element.addEventListener(name, value)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined))
  return element
}

/** The element of an id. */
export function byId(id) {
  return document.getElementById(id)
}

/** Sets a text only where it is another, so that a selection and a reader are not disturbed. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * A table whose rows are kept: a row is found by its key and only cells that differ change, so that focus and selection stay.
 * A column: `{ title, cell, n, badge, wide, lead, sort, actions }`.
 */
export class Table {
  #rows = new Map()
  #order = ''

  constructor(element, { columns, keyOf, sort, empty }) {
    this.columns = columns
    this.keyOf = keyOf
    this.empty = empty
    this.sort = sort
    this.body = h('tbody')
    this.heads = columns.map((column) => this.#head(column))
    element.classList.add('cards')
    element.replaceChildren(h('thead', {}, h('tr', {}, this.heads)), this.body)
    this.#showSort()
  }

  #head(column) {
    const { title, n, sort } = column
    const content =
      sort === undefined ? title : h('button', { type: 'button', click: () => this.#sortBy(column) }, title)
    return h('th', { scope: 'col', class: n ? 'n' : null }, content)
  }

  #sortBy(column) {
    const isSame = this.sort?.title === column.title
    this.sort = { title: column.title, isReversed: isSame ? !this.sort.isReversed : false }
    this.#showSort()
    this.show(this.items ?? [])
  }

  #showSort() {
    for (const [at, { title }] of this.columns.entries()) {
      const isSorted = this.sort?.title === title
      if (isSorted)
        this.heads[at].setAttribute('aria-sort', this.sort.isReversed ? 'ascending' : 'descending')
      else this.heads[at].removeAttribute('aria-sort')
    }
  }

  /** Shows these items. */
  show(items) {
    this.items = items
    const by = this.columns.find(({ title }) => title === this.sort?.title)?.sort
    const sign = this.sort?.isReversed ? -1 : 1
    const sorted = by === undefined ? items : [...items].sort((a, b) => sign * compare(by(b), by(a)))
    const keys = sorted.map(this.keyOf)
    for (const [key, { row }] of this.#rows) {
      if (keys.includes(key)) continue
      row.remove()
      this.#rows.delete(key)
    }
    const rows = sorted.map((item, at) => this.#row(keys[at], item))
    const order = keys.join('\n')
    if (order === this.#order && rows.length > 0) return
    this.#order = order
    const focused = document.activeElement
    if (rows.length === 0 && this.empty !== undefined) {
      const cell = h('td', { colspan: this.columns.length, class: 'muted wide' }, this.empty)
      this.body.replaceChildren(h('tr', {}, cell))
    } else this.body.replaceChildren(...rows)
    if (this.body.contains(focused)) focused.focus()
  }

  #row(key, item) {
    let known = this.#rows.get(key)
    if (known === undefined) {
      const cells = this.columns.map(({ title, n, wide, lead, actions }) => {
        const name = [n && 'n', wide && 'wide', lead && 'lead', actions && 'act'].filter(Boolean).join(' ')
        return h('td', { 'data-label': title, class: name === '' ? null : name })
      })
      known = { row: h('tr', {}, cells), cells, shown: [] }
      this.#rows.set(key, known)
    }
    for (const [at, column] of this.columns.entries()) fill(known, at, column, item)
    return known.row
  }
}

function fill(known, at, { cell, badge, actions }, item) {
  const value = actions === undefined ? cell(item) : JSON.stringify(actions(item).map(({ title }) => title))
  const tone = badge?.(item) ?? ''
  if (known.shown[at] === `${tone} ${value}`) {
    if (actions !== undefined) known.actions = actions(item)
    return
  }
  known.shown[at] = `${tone} ${value}`
  const td = known.cells[at]
  td.classList.toggle('empty', value === '' || value === '[]')
  if (actions !== undefined) {
    known.actions = actions(item)
    const buttons = known.actions.map(({ title, label }, index) =>
      h('button', { type: 'button', 'aria-label': label, click: () => known.actions[index]?.run() }, title),
    )
    td.replaceChildren(...buttons.flatMap((button) => [button, ' ']))
  } else if (badge !== undefined) td.replaceChildren(h('span', { class: `badge ${tone}` }, value))
  else {
    td.textContent = value
    if (td.classList.contains('wide')) td.title = value
  }
}

function compare(a, b) {
  return typeof a === 'string' ? String(b).localeCompare(a) : (a ?? -1) - (b ?? -1)
}

/** `850 ms`, `12.3 s`, `4 m 05 s`, `3 h 12 m`, `5 d`. */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1000) return `${ms < 10 && ms % 1 !== 0 ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.floor(ms / 60_000)
  const two = (value) => String(value).padStart(2, '0')
  if (minutes < 60) return `${minutes} m ${two(Math.floor((ms % 60_000) / 1000))} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${two(minutes % 60)} m` : `${Math.floor(hours / 24)} d`
}

/** `12.3 MB`. */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return '–'
  if (bytes < 2 ** 20) return `${Math.round(bytes / 1024)} kB`
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`
}

/** `1,234`, `12.3k`; what is not known is a dash. */
export function count(value) {
  if (value === null || value === undefined) return '–'
  if (value < 10_000) return value.toLocaleString('en')
  return value < 1e6 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`
}

/** The time of day of an RFC 3339 text, by the clock of this browser. */
export function timeOf(text) {
  return new Date(text).toLocaleTimeString([], { hour12: false })
}
