/** Draws the screen of `rr top`: a document and what the operator chose → lines of a terminal. Pure. */
import type {
  LiveDocument,
  LiveLine,
  LivePool,
  LiveQueue,
  LiveWorker,
} from '../../../src/supervisor/live/document.js'
import { count, duration, fit, size } from './fit.js'
import type { Rates } from './rates.js'
import { type ScreenState, selectedQueue, selectedWorker, shownWorkers } from './state.js'
import { type Column, fittingColumns, headLine, rowLine } from './table.js'

/** Parts of the picture. */
export interface View {
  readonly document: LiveDocument
  readonly rates: Rates
  readonly state: ScreenState
  readonly lines: readonly LiveLine[]
  /** Text of the overlay `stack`. */
  readonly stack: readonly string[]
  /** Message of the last line. */
  readonly say: string
}

/** Style of a piece of text. */
type Style = 'head' | 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'selected'
/** Paints text; the identity where the terminal has no colours. */
export type Paint = (style: Style, text: string) => string
/** Size of a terminal. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

const none = '–'
const poolsMax = 6
const numberOr = (value: number | null, format: (value: number) => string) =>
  value === null ? none : format(value)

/** The lines of the screen, exactly as many as it has rows. */
export function screenLines(view: View, { columns, rows }: Size, paint: Paint): readonly string[] {
  const { state } = view
  const top = [headerLine(view, columns, paint), ...alerts(view, columns, paint)]
  const room = Math.max(0, rows - top.length - 1)
  const middle =
    state.overlay === undefined
      ? mainLines(view, columns, room, paint)
      : overlayLines(view, columns, room, paint)
  const filled = [...middle.slice(0, room), ...Array.from({ length: room - middle.length }, () => '')]
  return [...top, ...filled, footerLine(view, columns, paint)].slice(-rows)
}

function headerLine({ document, rates }: View, columns: number, paint: Paint): string {
  const {
    version,
    pid,
    state,
    uptime_ms: upMs,
    memory_bytes: bytes,
    memory_limit_bytes: limit,
    path,
  } = document.server
  const cpu = rates.cpu.get('server')
  const memory = limit === null ? size(bytes) : `${size(bytes)} of ${size(limit)}`
  const share = cpu === undefined ? '' : `  cpu ${Math.round(cpu)}%`
  return paint(
    'bold',
    fit(`rr ${version}  pid ${pid}  ${state} ${duration(upMs)}${share}  mem ${memory}  ${path}`, columns),
  )
}

function alerts({ document }: View, columns: number, paint: Paint): readonly string[] {
  const pools = document.pools.flatMap(({ pool, degraded }) =>
    degraded === null ? [] : [`! pool ${pool} is degraded for ${duration(degraded.for_ms)}: ${degraded.why}`],
  )
  const queues = document.queues.flatMap(({ pipeline, error }) =>
    error === null ? [] : [`! pipeline ${pipeline} cannot reach its queue: ${error}`],
  )
  return [...pools, ...queues].slice(0, 3).map((text) => paint('red', fit(text, columns)))
}

const numeric = { align: 'right' } as const

function poolColumns({ jobs }: Rates): readonly Column<LivePool>[] {
  return [
    { title: 'POOL', width: 14, spare: 0, grows: true, cell: ({ pool }) => pool },
    { ...numeric, title: 'SIZE', width: 5, spare: 0, cell: (pool) => count(pool.size) },
    { ...numeric, title: 'LIVE', width: 5, spare: 0, cell: ({ live }) => count(live) },
    { ...numeric, title: 'IDLE', width: 5, spare: 0, cell: ({ idle }) => count(idle) },
    { ...numeric, title: 'BUSY', width: 5, spare: 0, cell: ({ busy }) => count(busy) },
    { ...numeric, title: 'WAIT', width: 5, spare: 0, cell: ({ waiting }) => count(waiting) },
    {
      ...numeric,
      title: 'OLDEST',
      width: 7,
      spare: 2,
      cell: (pool) => (pool.waiting === 0 ? none : duration(pool.oldest_wait_ms)),
    },
    { ...numeric, title: 'JOBS', width: 6, spare: 1, cell: (pool) => count(pool.jobs) },
    { ...numeric, title: 'FAIL', width: 5, spare: 0, cell: ({ failed }) => count(failed) },
    { ...numeric, title: 'JOBS/S', width: 7, spare: 3, cell: ({ pool }) => (jobs.get(pool) ?? 0).toFixed(1) },
  ]
}

const queueColumns: readonly Column<LiveQueue>[] = [
  { title: 'QUEUE', width: 14, spare: 0, grows: true, cell: ({ pipeline }) => pipeline },
  { title: 'DRIVER', width: 8, spare: 2, cell: ({ driver }) => driver },
  { title: 'STATE', width: 11, spare: 0, cell: ({ state }) => state },
  { ...numeric, title: 'READY', width: 6, spare: 0, cell: ({ active }) => numberOr(active, count) },
  { ...numeric, title: 'DELAYED', width: 7, spare: 4, cell: ({ delayed }) => numberOr(delayed, count) },
  { ...numeric, title: 'RUN', width: 5, spare: 3, cell: ({ running }) => numberOr(running, count) },
  { ...numeric, title: 'OLDEST', width: 7, spare: 0, cell: (queue) => numberOr(queue.oldest_ms, duration) },
  { ...numeric, title: 'DEAD', width: 5, spare: 0, cell: ({ kept }) => numberOr(kept, count) },
  { ...numeric, title: '/MIN', width: 6, spare: 1, cell: (queue) => numberOr(queue.per_minute, count) },
]

function workerColumns({ cpu }: Rates): readonly Column<LiveWorker>[] {
  return [
    {
      title: 'PID',
      width: 8,
      spare: 0,
      cell: ({ pid, thread }) => (thread === null ? `${pid}` : `${pid}:${thread}`),
    },
    { title: 'POOL', width: 8, spare: 3, cell: ({ pool }) => pool },
    {
      title: 'STATE',
      width: 8,
      spare: 0,
      cell: ({ state, why }) => (why === null ? state : `${state} ${why}`),
    },
    {
      ...numeric,
      title: 'FOR',
      width: 7,
      spare: 0,
      cell: ({ job, idle_ms: ms }) => numberOr(job?.for_ms ?? ms, duration),
    },
    { ...numeric, title: 'JOBS', width: 6, spare: 2, cell: ({ jobs }) => count(jobs) },
    { ...numeric, title: 'FAIL', width: 5, spare: 4, cell: ({ failed }) => count(failed) },
    { ...numeric, title: 'CPU', width: 5, spare: 5, cell: ({ pid }) => `${Math.round(cpu.get(pid) ?? 0)}%` },
    { ...numeric, title: 'MEM', width: 8, spare: 1, cell: (worker) => numberOr(worker.memory_bytes, size) },
    { title: 'NOW', width: 12, spare: 0, grows: true, cell: nowText },
  ]
}

function nowText({ job, running }: LiveWorker): string {
  if (job === null) return ''
  const more = running > 1 ? ` +${running - 1}` : ''
  return `${job.name === '' ? job.id : `${job.name} ${job.id}`}${more}`
}

function mainLines(view: View, width: number, room: number, paint: Paint): readonly string[] {
  const { document, rates, state } = view
  const { pools, queues } = document
  const poolCells = fittingColumns(poolColumns(rates), width)
  const poolRows = pools.slice(0, poolsMax).map((row) => {
    const line = rowLine(poolCells, row)
    return row.degraded !== null ? paint('red', line) : row.waiting > 0 ? paint('yellow', line) : line
  })
  const top = pools.length === 0 ? [] : [paint('head', headLine(poolCells)), ...poolRows]
  const queueLines = queueBlock(view, width, Math.max(3, Math.floor(room / 4)), paint)
  const logCount = Math.max(2, Math.min(6, Math.floor(room / 5)))
  const log = view.lines.slice(-logCount).map((line) => logLine(line, width, paint))
  const bottom = [
    paint('head', fit(`LOG${log.length === 0 ? '  (new lines appear here)' : ''}`, width)),
    ...log,
  ]
  const left = Math.max(
    1,
    room - top.length - queueLines.length - (queues.length > 0 ? 0 : 0) - bottom.length - 1,
  )
  const workers = shownWorkers(document, state, rates)
  const cells = fittingColumns(workerColumns(rates), width)
  const chosen = selectedWorker(state, workers)
  const rows = windowOf(workers, chosen, left).map((row) => {
    const line = rowLine(cells, row)
    if (row === chosen && state.focus === 'workers') return paint('selected', line)
    return row.state === 'busy'
      ? paint('green', line)
      : ['idle', 'spawning'].includes(row.state)
        ? line
        : paint('yellow', line)
  })
  const hidden = workers.length > rows.length ? `  (${workers.length} workers)` : ''
  const head = paint('head', fit(headLine(cells, state.sort) + hidden, width))
  const blank = Array.from({ length: Math.max(0, left - rows.length) }, () => '')
  return [...top, ...queueLines, head, ...rows, ...blank, ...bottom]
}

function queueBlock(
  { document: { queues }, state }: View,
  width: number,
  max: number,
  paint: Paint,
): readonly string[] {
  if (queues.length === 0) return []
  const cells = fittingColumns(queueColumns, width)
  const chosen = selectedQueue(state, queues)
  const rows = windowOf(queues, chosen, max).map((row) => {
    const line = rowLine(cells, row)
    if (row === chosen && state.focus === 'queues') return paint('selected', line)
    return row.state === 'unreachable'
      ? paint('red', line)
      : row.state === 'paused'
        ? paint('yellow', line)
        : line
  })
  return [paint('head', headLine(cells)), ...rows]
}

/** Returns as many items as fit, the chosen one among them. */
function windowOf<T>(items: readonly T[], chosen: T | undefined, max: number): readonly T[] {
  const at = chosen === undefined ? 0 : items.indexOf(chosen)
  const first = Math.max(0, Math.min(at - Math.floor(max / 2), items.length - max))
  return items.slice(first, first + max)
}

const levelStyles: Readonly<Record<string, Style>> = { error: 'red', warn: 'yellow', debug: 'dim' }

function logLine({ time, level, logger, message, fields }: LiveLine, width: number, paint: Paint): string {
  const text = fit(`${time.slice(11, 19)} ${level.padEnd(5)} ${logger}: ${message}  ${fields}`, width)
  const style = levelStyles[level]
  return style === undefined ? text : paint(style, text)
}

/** The keys, for the overlay `help` and the documentation. */
const helpLines: readonly string[] = [
  '↑ ↓ or j k  select a worker, or a queue      Tab    go from workers to queues',
  's           sort by the next column          S      turn the order round',
  '/           filter workers by pool, pid, state or job; Esc clears the filter',
  't           stack of the selected worker, if its SDK can print one',
  'r           reset the pool of the selected worker (asks first)',
  'p           pause the selected queue, or take jobs from it again (asks first)',
  'l           the last lines of the log         space  hold the picture',
  '? or h      this page                         q      quit',
  '',
  'FOR is the time that a worker has had its job, or has been idle. WAIT are callers in line',
  'for a worker; READY and OLDEST are the depth and age of a queue, – where it cannot say.',
]

function overlayLines(view: View, width: number, room: number, paint: Paint): readonly string[] {
  const { overlay } = view.state
  if (overlay === 'help')
    return [paint('head', fit('KEYS', width)), '', ...helpLines.map((text) => fit(text, width))]
  if (overlay === 'stack')
    return [
      paint('head', fit('STACK  (Esc goes back)', width)),
      '',
      ...view.stack.map((text) => fit(text, width)),
    ]
  const lines = view.lines.slice(-(room - 1)).map((line) => logLine(line, width, paint))
  return [paint('head', fit('LOG  (Esc goes back)', width)), ...lines]
}

function footerLine({ state, say }: View, columns: number, paint: Paint): string {
  if (state.question !== undefined) return paint('yellow', fit(state.question.text, columns))
  if (state.isTyping) return fit(`filter: ${state.filter}▏  Enter keeps it, Esc clears it`, columns)
  const filter = state.filter === '' ? '' : `filter: ${state.filter}  `
  const held = state.isFrozen ? 'HELD (space goes on)  ' : ''
  const keys = '? help  s sort  / filter  t stack  r reset  p pause  l log  q quit'
  return paint('dim', fit(`${held}${filter}${say === '' ? keys : say}`, columns))
}
