/** The tables and tiles of the page: what each column shows, and which actions a row has. */
import { byId, count, duration, h, setText, size, Table, timeOf } from './dom.js'

const workerTones = { busy: 'good', draining: 'warn', stopping: 'warn', killing: 'bad', spawning: 'warn' }
const queueTones = { consuming: 'good', paused: 'warn', unreachable: 'bad' }

/** Makes the tables; `act` has what their buttons do, `rates` the latest rates. */
export function makeTables(act, rates) {
  return {
    pools: poolTable(act, rates),
    queues: queueTable(act),
    workers: workerTable(act, rates),
    ledger: ledgerTable(),
  }
}

function poolTable(act, rates) {
  return new Table(byId('pools'), {
    keyOf: ({ pool }) => pool,
    empty: 'No pool is open.',
    columns: [
      { title: 'Pool', lead: true, cell: ({ pool }) => pool },
      { title: 'State', cell: (pool) => poolState(pool).text, badge: (pool) => poolState(pool).tone },
      { title: 'Workers', n: true, cell: ({ live, size: wanted }) => `${live} of ${wanted}` },
      { title: 'Busy', n: true, cell: ({ busy }) => count(busy) },
      { title: 'Waiting', n: true, cell: ({ waiting }) => count(waiting) },
      {
        title: 'Oldest wait',
        n: true,
        cell: ({ waiting, oldest_wait_ms }) => (waiting > 0 ? duration(oldest_wait_ms) : '–'),
      },
      { title: 'Jobs', n: true, cell: ({ jobs }) => count(jobs) },
      { title: 'Failed', n: true, cell: ({ failed }) => count(failed) },
      { title: 'Jobs/s', n: true, cell: ({ pool }) => (rates().jobs.get(pool) ?? 0).toFixed(1) },
      { title: 'Restarts', n: true, cell: ({ restarts }) => count(restarts) },
      {
        title: 'Actions',
        actions: ({ pool }) =>
          act.isAllowed()
            ? [{ title: 'Reset', label: `Reset pool ${pool}`, run: () => act.reset(pool) }]
            : [],
      },
    ],
  })
}

function poolState({ degraded, live }) {
  if (degraded !== null) return { text: 'degraded', tone: 'bad' }
  return live === 0 ? { text: 'starting', tone: 'warn' } : { text: 'ok', tone: 'good' }
}

function queueTable(act) {
  return new Table(byId('queues'), {
    keyOf: ({ pipeline }) => pipeline,
    columns: [
      { title: 'Queue', lead: true, cell: ({ pipeline }) => pipeline },
      { title: 'Driver', cell: ({ driver }) => driver },
      { title: 'State', cell: ({ state }) => state, badge: ({ state }) => queueTones[state] ?? '' },
      { title: 'Ready', n: true, cell: ({ active }) => count(active) },
      { title: 'Oldest', n: true, cell: ({ oldest_ms }) => duration(oldest_ms) },
      { title: 'Delayed', n: true, cell: ({ delayed }) => count(delayed) },
      { title: 'Running', n: true, cell: ({ running }) => count(running) },
      { title: 'Per minute', n: true, cell: ({ per_minute }) => count(per_minute) },
      { title: 'Done', n: true, cell: ({ done }) => count(done) },
      { title: 'Retried', n: true, cell: ({ retried }) => count(retried) },
      { title: 'Kept', n: true, cell: ({ kept }) => count(kept) },
      { title: 'Actions', actions: (queue) => queueActions(queue, act) },
    ],
  })
}

function queueActions({ pipeline, state, kept }, act) {
  const actions = []
  if (kept > 0)
    actions.push({ title: 'Failed jobs', label: `Failed jobs of ${pipeline}`, run: () => act.kept(pipeline) })
  if (!act.isAllowed()) return actions
  const isPaused = state === 'paused'
  const title = isPaused ? 'Resume' : 'Pause'
  actions.push({ title, label: `${title} ${pipeline}`, run: () => act.pause(pipeline, isPaused) })
  return actions
}

function workerTable(act, rates) {
  return new Table(byId('workers'), {
    keyOf: ({ pool, pid, thread }) => `${pool} ${pid} ${thread}`,
    empty: 'No worker matches.',
    sort: { title: 'Worker', isReversed: false },
    columns: [
      { title: 'Worker', lead: true, cell: nameOf, sort: ({ pid, thread }) => -(thread ?? pid) },
      { title: 'Pool', cell: ({ pool }) => pool, sort: ({ pool }) => pool },
      {
        title: 'State',
        cell: ({ state, why }) => (why === null ? state : `${state}: ${why}`),
        badge: ({ state }) => workerTones[state] ?? '',
        sort: ({ state, job, idle_ms }) => (state === 'busy' ? 1e12 + (job?.for_ms ?? 0) : -(idle_ms ?? 0)),
      },
      {
        title: 'For',
        n: true,
        cell: ({ job, idle_ms }) => duration(job?.for_ms ?? idle_ms),
        sort: ({ job, idle_ms }) => job?.for_ms ?? idle_ms,
      },
      { title: 'Jobs', n: true, cell: ({ jobs }) => count(jobs), sort: ({ jobs }) => jobs },
      { title: 'Failed', n: true, cell: ({ failed }) => count(failed), sort: ({ failed }) => failed },
      {
        title: 'CPU',
        n: true,
        cell: ({ pid }) => `${Math.round(rates().cpu.get(pid) ?? 0)} %`,
        sort: ({ pid }) => rates().cpu.get(pid) ?? 0,
      },
      {
        title: 'Memory',
        n: true,
        cell: ({ memory_bytes }) => size(memory_bytes),
        sort: ({ memory_bytes }) => memory_bytes,
      },
      { title: 'Now', wide: true, cell: jobText },
      {
        title: 'Actions',
        actions: ({ pool, pid, state, thread }) =>
          thread === null && (state === 'busy' || state === 'draining')
            ? [{ title: 'Stack', label: `Stack of worker ${pid}`, run: () => act.stack(pool, pid) }]
            : [],
      },
    ],
  })
}

function nameOf({ pid, thread }) {
  return thread === null ? String(pid) : `${pid}:${thread}`
}

function jobText({ job, running }) {
  if (job === null) return ''
  const more = running > 1 ? ` and ${running - 1} more` : ''
  return `${[job.name, job.id].filter((text) => text !== '').join(' ')}${more}`
}

function ledgerTable() {
  return new Table(byId('ledger'), {
    keyOf: ({ id }) => id,
    empty: 'Nothing is in flight.',
    columns: [
      { title: 'Request', lead: true, cell: ({ id }) => id },
      { title: 'Accepted', cell: ({ accepted_at }) => timeOf(accepted_at) },
      { title: 'Sent to workers', n: true, cell: ({ assigned }) => count(assigned) },
      { title: 'Answered', n: true, cell: ({ answered }) => count(answered) },
    ],
  })
}

/** The large numbers on top. */
export function showTiles({ pools, workers, queues }, rates, hour) {
  const sum = (items, value) => items.reduce((all, item) => all + (value(item) ?? 0), 0)
  const perSecond = [...rates.jobs.values()].reduce((all, one) => all + one, 0)
  const waiting = sum(pools, (pool) => pool.waiting)
  const busy = workers.filter(({ state }) => state === 'busy').length
  const kept = sum(queues, (queue) => queue.kept)
  const tiles = [
    ['Jobs a second', perSecond.toFixed(1), `${count(sum(pools, ({ jobs }) => jobs))} since the start`],
    ['Failed in the last hour', count(hour.failed), `of ${count(hour.jobs)} jobs`, hour.failed > 0],
    ['Latency, p95', duration(hour.p95), 'last slot with jobs'],
    [
      'Busy workers',
      `${busy} of ${workers.length}`,
      `${count(waiting)} callers wait`,
      waiting > 0 && busy === workers.length,
    ],
  ]
  if (queues.length > 0) {
    const ready = sum(queues, ({ active }) => active)
    const oldest = Math.max(...queues.map(({ oldest_ms }) => oldest_ms ?? -1))
    tiles.push(['Ready in queues', count(ready), oldest < 0 ? 'no age known' : `oldest ${duration(oldest)}`])
    tiles.push(['Failed jobs kept', count(kept), 'in all queues', kept > 0])
  }
  const box = byId('tiles')
  if (box.childElementCount !== tiles.length)
    box.replaceChildren(...tiles.map(([title]) => h('dl', { class: 'tile' }, h('dt', {}, title), h('dd'))))
  for (const [at, [, value, more, isAlarm]] of tiles.entries()) {
    const tile = box.children[at]
    tile.classList.toggle('alarm', isAlarm === true)
    const dd = tile.lastElementChild
    if (dd.dataset.shown === `${value} ${more}`) continue
    dd.dataset.shown = `${value} ${more}`
    dd.replaceChildren(value, h('small', {}, more))
  }
}

/** What needs a person at once. */
export function showAlerts({ pools, queues, server }) {
  const texts = [
    ...(server.state === 'stopping' ? ['The server is stopping.'] : []),
    ...pools.flatMap(({ pool, degraded }) =>
      degraded === null ? [] : [`Pool ${pool} is degraded for ${duration(degraded.for_ms)}: ${degraded.why}`],
    ),
    ...queues.flatMap(({ pipeline, error }) =>
      error === null ? [] : [`Queue ${pipeline} cannot be reached: ${error}`],
    ),
  ]
  const box = byId('alerts')
  const shown = texts.map((text) => text.replace(/ for [\d.]+ .*?:/, ':')).join('\n')
  if (box.dataset.shown === shown) return
  box.dataset.shown = shown
  box.replaceChildren(...texts.map((text) => h('span', { class: 'alert' }, text)))
}

/** Adds failures on top of the list. */
export function addFailures(failures, keep) {
  const list = byId('failures')
  for (const failure of failures) list.prepend(failureItem(failure))
  while (list.childElementCount > keep) list.lastElementChild.remove()
  byId('failures-none').hidden = list.childElementCount > 0
}

function failureItem({ time, message, type, error, stack, pool, pipeline, job, attempt }) {
  const facts = Object.entries({ Job: job, Pool: pool, Queue: pipeline, Attempt: attempt, Logged: message })
    .filter(([, value]) => value !== null)
    .flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, String(value))])
  return h(
    'li',
    {},
    h(
      'details',
      {},
      h(
        'summary',
        {},
        h('span', { class: 'muted' }, timeOf(time)),
        h('b', {}, type),
        h('span', { class: 'what' }, error),
        h('span', { class: 'muted' }, pipeline ?? pool ?? ''),
      ),
      h('dl', { class: 'facts' }, facts),
      stack.length === 0 ? null : h('pre', {}, stack.join('\n')),
    ),
  )
}

/** Adds lines at the end of the log, which follows them unless it was scrolled up. */
export function addLines(lines, keep) {
  const box = byId('log')
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 30
  for (const { time, level, logger, message, fields } of lines) {
    const text = h('span', { class: level }, `${level.padEnd(5)} ${logger}: ${message}`)
    box.append(
      h(
        'div',
        {},
        h('span', { class: 't' }, `${timeOf(time)} `),
        text,
        ' ',
        h('span', { class: 'f' }, fields),
      ),
    )
  }
  while (box.childElementCount > keep) box.firstElementChild.remove()
  if (isAtEnd) box.scrollTop = box.scrollHeight
}

/** The line below the title. */
export function showServer({ version, pid, path, uptime_ms, memory_bytes, memory_limit_bytes, node }, cpu) {
  const memory =
    memory_limit_bytes === null ? size(memory_bytes) : `${size(memory_bytes)} of ${size(memory_limit_bytes)}`
  const parts = [
    `${version} on Node ${node}`,
    `pid ${pid}`,
    `up ${duration(uptime_ms)}`,
    `CPU ${Math.round(cpu)} %`,
    memory,
    path,
  ]
  setText(byId('server'), parts.join(' · '))
}
