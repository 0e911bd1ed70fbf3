/** The page: logs in, follows the server's events, and asks before it acts. */
import { Chart } from './charts.js'
import { byId, count, duration, h, setText, timeOf } from './dom.js'
import { addFailures, addLines, makeTables, showAlerts, showServer, showTiles } from './views.js'

const linesKept = 200
const failuresKept = 100
const slots = 360

let session = { in: false, token: false, actions: false }
let state
let history = { slot_ms: 10_000, pools: [] }
let rates = { jobs: new Map(), cpu: new Map(), server: 0 }
let seen = { line: 0, failure: 0 }
let source
/** The last failures by their jobs: a kept job shows the stack of its own. */
const failureOf = new Map()

const act = {
  isAllowed: () => session.actions,
  reset: (pool) =>
    confirmed(
      `Reset pool ${pool}?`,
      'Its workers are replaced one after the other; running jobs end first.',
      'Reset',
      async () => {
        toast(`Pool ${pool} is being reset …`)
        await post('action/reset', { pool })
        toast(`Pool ${pool}: every worker was replaced.`)
      },
    ),
  pause: (pipeline, isPaused) =>
    isPaused
      ? confirmed(`Resume ${pipeline}?`, 'Workers take jobs from this queue again.', 'Resume', async () => {
          await post('action/resume', { pipeline })
          toast(`${pipeline}: resumed.`)
        })
      : confirmed(
          `Pause ${pipeline}?`,
          'No more jobs are taken from this queue; running ones end.',
          'Pause',
          async () => {
            await post('action/pause', { pipeline })
            toast(`${pipeline}: paused.`)
          },
        ),
  kept: (pipeline) => showKept(pipeline),
  stack: (pool, pid) => showStack(pool, pid),
}
const tables = makeTables(act, () => rates)
const charts = [
  new Chart({
    title: 'Jobs a second',
    lines: [
      { title: 'ended', tone: 'accent', isArea: true },
      { title: 'failed', tone: 'bad' },
    ],
    format: (value) => (value < 10 && value % 1 !== 0 ? value.toFixed(1) : count(Math.round(value))),
    slots,
  }),
  new Chart({
    title: 'Latency',
    lines: [
      { title: 'p50', tone: 'accent' },
      { title: 'p95', tone: 'warn' },
    ],
    format: duration,
    slots,
  }),
]
byId('charts').append(...charts.map(({ element }) => element))

/** Sends a request of the page; rejects with the server's words. */
async function post(path, body) {
  const response = await fetch(`/api/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-RelayRunner': '1' },
    body: JSON.stringify(body),
  })
  const answer = await response.json()
  if (response.ok) return answer
  if (response.status === 401 && path !== 'login') await begin()
  throw new Error(answer.error)
}

/** Learns whether this browser is logged in, and shows the login or the page. */
async function begin() {
  const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1]
  if (code !== undefined) {
    window.history.replaceState(null, '', '/')
    await post('login', { token: code }).catch(() => toast('This link has been used: it logs in once.', true))
  }
  session = await (await fetch('/api/session')).json()
  byId('login').hidden = session.in
  byId('main').hidden = !session.in
  byId('logout').hidden = !session.in
  if (session.in) {
    follow()
    return
  }
  source?.close()
  setLink('', '')
  setText(byId('server'), '')
  const about = session.token
    ? 'The token is the one of dashboard.token.'
    : 'This server has no token: open the link that it printed at its start, which logs in once, or set dashboard.token.'
  setText(byId('login-about'), about)
  byId('token').focus()
}

/** Follows the events; the browser connects again by itself. */
function follow() {
  source?.close()
  source = new EventSource('/api/events')
  source.addEventListener('open', () => setLink('live', 'live'))
  source.addEventListener('error', () => {
    setLink('lost', 'no connection: the server stopped, or cannot be reached')
    // A server that has started anew does not know the session: that ends the events for good.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => begin().catch(() => follow()), 2000)
  })
  source.addEventListener('history', (event) => {
    history = JSON.parse(event.data)
    showHistory()
  })
  source.addEventListener('state', (event) => {
    const last = state
    state = JSON.parse(event.data)
    rates = ratesOf(last, state) ?? rates
    show()
  })
}

function setLink(kind, text) {
  byId('link').className = kind
  setText(byId('link'), text)
}

function ratesOf(last, now) {
  if (last === undefined || last.server.pid !== now.server.pid) {
    seen = { line: 0, failure: 0 }
    byId('log').replaceChildren()
    byId('failures').replaceChildren()
    return undefined
  }
  const ms = Date.parse(now.time) - Date.parse(last.time)
  if (ms < 50) return undefined
  const jobs = new Map(last.pools.map(({ pool, jobs: before }) => [pool, before]))
  const cpu = new Map(last.workers.map(({ pid, cpu_ms }) => [pid, cpu_ms]))
  return {
    jobs: new Map(
      now.pools.map(({ pool, jobs: after }) => [
        pool,
        (Math.max(0, after - (jobs.get(pool) ?? after)) / ms) * 1000,
      ]),
    ),
    cpu: new Map(
      now.workers
        .filter(({ pid, cpu_ms }) => cpu_ms !== null && cpu.get(pid) != null)
        .map(({ pid, cpu_ms }) => [pid, (Math.max(0, cpu_ms - cpu.get(pid)) / ms) * 100]),
    ),
    server: ((now.server.cpu_ms - last.server.cpu_ms) / ms) * 100,
  }
}

function show() {
  const { server, pools, queues, ledger, lines, failures } = state
  for (const failure of failures) failureOf.set(failure.job, failure)
  for (const job of failureOf.keys()) if (failureOf.size > failuresKept) failureOf.delete(job)
  document.title = `${pools.some(({ degraded }) => degraded !== null) ? '⚠ ' : ''}RelayRunner ${server.path.split('/').at(-1)}`
  showServer(server, rates.server)
  showAlerts(state)
  showTiles(state, rates, hourOf(history))
  tables.pools.show(pools)
  byId('queues-card').hidden = queues.length === 0
  tables.queues.show(queues)
  showWorkers()
  const { counts, open } = ledger
  byId('ledger-card').hidden = counts.accepted === 0
  const text = `${count(counts.accepted)} accepted, ${count(counts.acknowledged)} acknowledged, ${count(counts.returned)} returned, ${count(counts.open)} open`
  setText(
    byId('ledger-counts'),
    counts.violations > 0 ? `${text}, ${counts.violations} violations: see the log` : text,
  )
  tables.ledger.show(open)
  addFailures(
    failures.filter(({ n }) => n > seen.failure),
    failuresKept,
  )
  addLines(
    lines.filter(({ n }) => n > seen.line),
    linesKept,
  )
  seen = {
    line: Math.max(seen.line, lines.at(-1)?.n ?? 0),
    failure: Math.max(seen.failure, failures.at(-1)?.n ?? 0),
  }
}

function showWorkers() {
  const wanted = byId('filter').value.toLowerCase()
  const texts = ({ pool, pid, state: word, job }) =>
    `${pool} ${pid} ${word} ${job?.name ?? ''} ${job?.id ?? ''}`.toLowerCase()
  tables.workers.show((state?.workers ?? []).filter((worker) => texts(worker).includes(wanted)))
}

/** All pools: sums of jobs, the worst latency. */
function showHistory() {
  const select = byId('hour-pool')
  const names = ['all pools', ...history.pools.map(({ pool }) => pool)]
  if (select.dataset.names !== names.join('\n')) {
    select.dataset.names = names.join('\n')
    select.replaceChildren(...names.map((name, at) => h('option', { value: at }, name)))
  }
  const at = Number(select.value)
  const pools = at === 0 ? history.pools : history.pools.slice(at - 1, at)
  const seconds = history.slot_ms / 1000
  const length = pools[0]?.jobs.length ?? 0
  const over = (key, join) =>
    Array.from({ length }, (_, slot) => join(pools.map((pool) => pool[key][slot] ?? null)))
  const sum = (values) => values.reduce((all, one) => all + (one ?? 0), 0) / seconds
  const worst = (values) =>
    values.reduce((most, one) => (one !== null && one > (most ?? -1) ? one : most), null)
  charts[0].show([over('jobs', sum), over('failed', sum)], history.slot_ms)
  charts[1].show([over('p50', worst), over('p95', worst)], history.slot_ms)
}

function hourOf({ pools }) {
  const sum = (key) => pools.flatMap((pool) => pool[key]).reduce((all, one) => all + one, 0)
  const latest = pools
    .map(({ p95 }) => p95.findLast((value) => value !== null) ?? null)
    .filter((value) => value !== null)
  return { jobs: sum('jobs'), failed: sum('failed'), p95: latest.length === 0 ? null : Math.max(...latest) }
}

/** Opens the dialog with buttons `{ title, kind, run }`; one without `run` closes it. */
function ask(title, body, buttons) {
  setText(byId('dialog-title'), title)
  byId('dialog-body').replaceChildren(...body)
  byId('dialog-buttons').replaceChildren(
    ...buttons.map(({ title: name, kind, run }) => {
      const click = (event) => {
        if (run === undefined) return
        event.preventDefault()
        byId('dialog').close()
        void run().catch((error) => toast(error.message, true))
      }
      return h('button', { type: run === undefined ? 'submit' : 'button', class: kind ?? null, click }, name)
    }),
  )
  if (!byId('dialog').open) byId('dialog').showModal()
}

function confirmed(title, text, verb, run) {
  ask(title, [h('p', {}, text)], [{ title: 'Cancel' }, { title: verb, kind: 'primary', run }])
}

async function showStack(pool, pid) {
  ask(`Stack of worker ${pid}`, [h('p', { class: 'muted' }, 'asking …')], [{ title: 'Close' }])
  const { lines, why } = await post('action/stack', { pool, pid }).catch((error) => ({
    lines: [],
    why: error.message,
  }))
  byId('dialog-body').replaceChildren(
    lines.length === 0 ? h('p', {}, why ?? '') : h('pre', {}, lines.join('\n')),
  )
}

async function showKept(pipeline) {
  ask(`Failed jobs of ${pipeline}`, [h('p', { class: 'muted' }, 'asking …')], [{ title: 'Close' }])
  try {
    const { count: all, jobs } = await post('action/kept', { pipeline })
    const items = jobs.map((job) => keptItem(pipeline, job))
    const more = all > jobs.length ? [h('p', { class: 'muted' }, `The oldest ${jobs.length} of ${all}.`)] : []
    const redrive = {
      title: `Retry all ${all}`,
      kind: 'danger',
      run: async () =>
        confirmed(
          `Retry ${all} jobs of ${pipeline}?`,
          'All of them go back into the queue, with all tries ahead.',
          'Retry all',
          () => retry(pipeline, undefined),
        ),
    }
    const isAllowed = session.actions && all > 0
    ask(
      `Failed jobs of ${pipeline}`,
      [...more, h('ol', { class: 'failures' }, items)],
      [{ title: 'Close' }, ...(isAllowed ? [redrive] : [])],
    )
  } catch (error) {
    byId('dialog-body').replaceChildren(h('p', { class: 'bad' }, error.message))
  }
}

function keptItem(pipeline, { id, job, why, attempt, failed_at }) {
  const failure = failureOf.get(id)
  const again = () =>
    confirmed(`Retry job ${id}?`, `It goes back into ${pipeline}, with all tries ahead.`, 'Retry', () =>
      retry(pipeline, [id]),
    )
  return h(
    'li',
    {},
    h(
      'details',
      {},
      h(
        'summary',
        {},
        h('span', { class: 'muted' }, failed_at === null ? '' : timeOf(failed_at)),
        h('span', { class: 'what' }, why),
        h('span', { class: 'muted' }, job),
      ),
      h(
        'dl',
        { class: 'facts' },
        h('dt', {}, 'Id'),
        h('dd', {}, id),
        h('dt', {}, 'Tries'),
        h('dd', {}, String(attempt ?? '–')),
      ),
      failure === undefined || failure.stack.length === 0 ? null : h('pre', {}, failure.stack.join('\n')),
      session.actions ? h('p', {}, h('button', { type: 'button', click: again }, 'Retry this job')) : null,
    ),
  )
}

async function retry(pipeline, ids) {
  const { count: done } = await post('action/redrive', { pipeline, ...(ids === undefined ? {} : { ids }) })
  toast(done === 1 ? `1 job is back in ${pipeline}.` : `${done} jobs are back in ${pipeline}.`)
}

let toastTimer
function toast(text, isFault = false) {
  const box = byId('toast')
  box.className = isFault ? 'shown fault' : 'shown'
  setText(box, text)
  clearTimeout(toastTimer)
  toastTimer = setTimeout(() => box.classList.remove('shown'), 6000)
}

function showHelp() {
  const keys = [
    ['/', 'go to the filter of the workers'],
    ['?', 'this list'],
    ['Tab, Enter, Esc', 'move, press, close'],
  ]
  const rows = keys.map(([key, text]) => h('p', {}, h('kbd', {}, key), ` ${text}`))
  ask('Keys', rows, [{ title: 'Close' }])
}

// A box that scrolls has to be reached by the keyboard, too.
for (const [id, name] of [
  ['log', 'Last lines of the log'],
  ['failures', 'Last failures'],
]) {
  byId(id).tabIndex = 0
  byId(id).setAttribute('aria-label', name)
}
byId('log').setAttribute('role', 'region')

const dark = window.matchMedia('(prefers-color-scheme: dark)')
function setTheme() {
  document.documentElement.dataset.theme =
    localStorage.getItem('rr-theme') ?? (dark.matches ? 'dark' : 'light')
}
setTheme()
dark.addEventListener('change', setTheme)
byId('theme').addEventListener('click', () => {
  localStorage.setItem('rr-theme', document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark')
  setTheme()
})
byId('help').addEventListener('click', showHelp)
byId('filter').addEventListener('input', showWorkers)
byId('hour-pool').addEventListener('change', showHistory)
byId('logout').addEventListener('click', async () => {
  await post('logout', {})
  source?.close()
  await begin()
})
byId('login-form').addEventListener('submit', async (event) => {
  event.preventDefault()
  try {
    await post('login', { token: byId('token').value })
    byId('token').value = ''
    setText(byId('login-fault'), '')
    await begin()
    byId('main').focus()
  } catch (error) {
    setText(byId('login-fault'), error.message)
  }
})
document.addEventListener('keydown', (event) => {
  if (
    event.target instanceof HTMLInputElement ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    byId('dialog').open
  )
    return
  if (event.key === '/') {
    event.preventDefault()
    byId('filter').focus()
  } else if (event.key === '?') showHelp()
})
begin().catch(() => setLink('lost', 'the server does not answer'))
