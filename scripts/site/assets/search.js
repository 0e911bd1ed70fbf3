/** The search of the site: an index in memory, loaded with the page; arrows, Enter and Escape work as in a list. */
const options = { fields: ['title', 'page', 'text'], storeFields: ['title', 'page', 'url', 'start'] }
const search = globalThis.MiniSearch.loadJSON(globalThis.searchIndex, options)
const input = document.querySelector('#query')
const list = document.querySelector('#results')
const resultsMax = 12
let chosen = -1

function show() {
  const found =
    input.value.trim() === ''
      ? []
      : search.search(input.value, {
          prefix: true,
          fuzzy: (term) => (term.length > 4 ? 0.2 : false),
          boost: { title: 4, page: 2 },
          combineWith: 'AND',
        })
  chosen = -1
  input.removeAttribute('aria-activedescendant')
  list.replaceChildren(...found.slice(0, resultsMax).map(item))
  if (input.value.trim() !== '' && found.length === 0) {
    const none = document.createElement('li')
    none.className = 'none'
    none.textContent = 'Nothing found.'
    list.append(none)
  }
  list.hidden = input.value.trim() === ''
  input.setAttribute('aria-expanded', String(!list.hidden))
}

function item({ title, page, url, start }, at) {
  const link = document.createElement('a')
  link.href = url
  const head = document.createElement('strong')
  head.textContent = title === page ? page : `${page} › ${title}`
  const text = document.createElement('span')
  text.textContent = start
  link.append(head, text)
  const entry = document.createElement('li')
  entry.id = `result-${at}`
  entry.setAttribute('role', 'option')
  entry.append(link)
  return entry
}

function choose(at) {
  const entries = [...list.querySelectorAll('[role=option]')]
  if (entries.length === 0) return
  chosen = (at + entries.length) % entries.length
  for (const [index, entry] of entries.entries())
    entry.setAttribute('aria-selected', String(index === chosen))
  input.setAttribute('aria-activedescendant', entries[chosen].id)
  entries[chosen].scrollIntoView({ block: 'nearest' })
}

function close() {
  list.hidden = true
  input.setAttribute('aria-expanded', 'false')
}

input.addEventListener('input', show)
input.addEventListener('focus', show)
input.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown') choose(chosen + 1)
  else if (event.key === 'ArrowUp') choose(chosen - 1)
  else if (event.key === 'Escape') close()
  else if (event.key === 'Enter') list.querySelectorAll('a')[Math.max(chosen, 0)]?.click()
  else return
  event.preventDefault()
})
document.addEventListener('keydown', (event) => {
  const isTyping = event.target.closest?.('input, textarea') !== null
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return
  event.preventDefault()
  input.focus()
})
document.addEventListener('click', (event) => {
  if (event.target.closest('.search') === null || event.target.closest('#results a') !== null) close()
})
