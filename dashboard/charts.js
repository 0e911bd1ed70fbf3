/** Line charts of the last hour, as SVG: one axis from zero, a caption that says the values under the pointer or at the end. */

const namespace = 'http://www.w3.org/2000/svg'
const [height, top, bottom, left, right] = [150, 8, 20, 42, 6]

function s(tag, attributes, ...children) {
  const element = document.createElementNS(namespace, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

/** One chart: `lines` are `{ title, tone, isArea }`; values come with `show`. */
export class Chart {
  #values = []
  /** Slots that are drawn: five minutes at least, then as many as there are. */
  #slots = 30
  #at

  constructor({ title, lines, format, slots }) {
    this.title = title
    this.lines = lines
    this.format = format
    this.slots = slots
    this.caption = document.createElement('figcaption')
    this.svg = s('svg', { class: 'chart', role: 'img', preserveAspectRatio: 'none' })
    this.element = document.createElement('figure')
    this.element.append(this.caption, this.svg)
    this.svg.addEventListener('pointermove', (event) => this.#point(event))
    this.svg.addEventListener('pointerleave', () => this.#point(undefined))
    new ResizeObserver(() => this.#draw()).observe(this.element)
  }

  /** Shows lists of values, one a line, the newest last; `null` is a gap. `slotMs` is the time between two. */
  show(values, slotMs) {
    this.#values = values
    this.slotMs = slotMs
    this.#draw()
  }

  #point(event) {
    if (event === undefined) this.#at = undefined
    else {
      const box = this.svg.getBoundingClientRect()
      const share = (event.clientX - box.left - left) / Math.max(1, box.width - left - right)
      this.#at = Math.round(share * (this.#slots - 1))
    }
    this.#draw()
  }

  #draw() {
    const length = this.#values[0]?.length ?? 0
    this.#slots = Math.max(30, Math.min(this.slots, length))
    const width = this.element.clientWidth
    if (width === 0) return
    const most = niceAbove(Math.max(0, ...this.#values.flat().filter((value) => value !== null)))
    const x = (slot) => left + (slot / (this.#slots - 1)) * (width - left - right)
    const y = (value) => top + (1 - value / most) * (height - top - bottom)
    const first = this.#slots - length
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    const parts = [0, 0.5, 1].flatMap((share) => [
      s('line', { class: 'grid', x1: left, x2: width - right, y1: y(most * share), y2: y(most * share) }),
      s('text', { x: left - 6, y: y(most * share) + 4, 'text-anchor': 'end' }, this.format(most * share)),
    ])
    const minutes = (this.#slots * this.slotMs) / 60_000
    for (const [share, anchor] of [
      [0, 'start'],
      [0.5, 'middle'],
      [1, 'end'],
    ]) {
      const text = share === 1 ? 'now' : `−${Math.round(minutes * (1 - share))} min`
      parts.push(
        s('text', { x: left + share * (width - left - right), y: height - 4, 'text-anchor': anchor }, text),
      )
    }
    for (const [at, { tone, isArea }] of this.lines.entries()) {
      const values = this.#values[at] ?? []
      if (isArea && length > 1) {
        const line = values.map((value, slot) => `${x(first + slot)},${y(value ?? 0)}`).join(' ')
        parts.push(
          s('polygon', { class: 'a', points: `${x(first)},${y(0)} ${line} ${x(this.#slots - 1)},${y(0)}` }),
        )
      }
      parts.push(s('path', { class: `l c-${tone}`, d: pathOf(values, (slot) => x(first + slot), y) }))
    }
    const at = this.#at === undefined ? undefined : Math.max(first, Math.min(this.#at, this.#slots - 1))
    if (at !== undefined && length > 0)
      parts.push(s('line', { class: 'cursor', x1: x(at), x2: x(at), y1: top, y2: height - bottom }))
    this.svg.replaceChildren(...parts)
    this.#say(at === undefined ? length - 1 : at - first, at === undefined)
  }

  #say(slot, isNow) {
    const when = isNow
      ? 'now'
      : `${Math.round(((this.#values[0].length - 1 - slot) * this.slotMs) / 1000)} s ago`
    const texts = this.lines.map(({ title }, at) => {
      const value = this.#values[at]?.[slot]
      return `${title} ${value === null || value === undefined ? '–' : this.format(value)}`
    })
    const title = document.createElement('b')
    title.textContent = this.title
    const keys = this.lines.map(({ tone }, at) => {
      const key = document.createElement('span')
      key.className = `key c-${tone}`
      key.textContent = texts[at]
      return key
    })
    this.caption.replaceChildren(title, ...keys, when)
    this.svg.setAttribute('aria-label', `${this.title}, ${when}: ${texts.join(', ')}`)
  }
}

function pathOf(values, x, y) {
  let path = ''
  let isPen = false
  for (const [slot, value] of values.entries()) {
    if (value === null) {
      isPen = false
      continue
    }
    const point = `${x(slot).toFixed(1)} ${y(value).toFixed(1)}`
    // A lone value is a dot.
    path += isPen ? `L${point}` : `M${point}l0.1 0`
    isPen = true
  }
  return path
}

/** The next round number: 1, 2 or 5 times a power of ten. */
function niceAbove(value) {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value
}
