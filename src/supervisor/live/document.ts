/** Document of what a server does at one moment, as `rr top` and the dashboard show it: the shape of one document. Types and shapes only. */
import { list, map, number, orNull, record, type ShapeOf, text } from '../../ipc/rpc/shape.js'

const server = record({
  pid: number,
  version: text,
  node: text,
  path: text,
  state: text,
  uptime_ms: number,
  cpu_ms: number,
  memory_bytes: number,
  /** Memory that the system grants all processes together; null where nothing limits it. */
  memory_limit_bytes: orNull(number),
  cpus: number,
})
const pool = record({
  pool: text,
  plugins: list(text),
  size: number,
  live: number,
  idle: number,
  busy: number,
  waiting: number,
  oldest_wait_ms: number,
  restarts: number,
  degraded: orNull(record({ for_ms: number, recent_deaths: number, why: text })),
  jobs: number,
  failed: number,
})
const worker = record({
  pool: text,
  pid: number,
  /** The thread's number; null for a process. */
  thread: orNull(number),
  state: text,
  /** Why it is leaving or was killed. */
  why: orNull(text),
  jobs: number,
  failed: number,
  running: number,
  places: number,
  /** The oldest job that it has. */
  job: orNull(record({ id: text, name: text, for_ms: number })),
  idle_ms: orNull(number),
  memory_bytes: orNull(number),
  /** CPU time of its process since it began; null for a thread. */
  cpu_ms: orNull(number),
  created_at: text,
})
const queue = record({
  pipeline: text,
  driver: text,
  queue: text,
  priority: number,
  state: text,
  error: orNull(text),
  active: orNull(number),
  delayed: orNull(number),
  reserved: orNull(number),
  oldest_ms: orNull(number),
  running: orNull(number),
  waiting: orNull(number),
  kept: orNull(number),
  per_minute: orNull(number),
  done: orNull(number),
  retried: orNull(number),
  failed: orNull(number),
})
const entry = record({ id: text, accepted_at: text, assigned: number, answered: number })
const line = record({
  /** Number that grows with each line. */
  n: number,
  time: text,
  level: text,
  logger: text,
  message: text,
  /** The other fields, as `key=value`. */
  fields: text,
})
const failure = record({
  n: number,
  time: text,
  level: text,
  message: text,
  type: text,
  error: text,
  stack: list(text),
  pool: orNull(text),
  pipeline: orNull(text),
  job: orNull(text),
  attempt: orNull(number),
})

/** Shape of the document. */
export const liveDocument = record({
  time: text,
  server,
  pools: list(pool),
  workers: list(worker),
  queues: list(queue),
  ledger: record({ counts: map(number), open: list(entry) }),
  lines: list(line),
  failures: list(failure),
})

/** State of a server at one moment. */
export type LiveDocument = ShapeOf<typeof liveDocument>
/** A pool in it. */
export type LivePool = ShapeOf<typeof pool>
/** A worker in it. */
export type LiveWorker = ShapeOf<typeof worker>
/** A queue in it. */
export type LiveQueue = ShapeOf<typeof queue>
/** A line of the log in it. */
export type LiveLine = ShapeOf<typeof line>
/** A failed job in it. */
export type LiveFailure = ShapeOf<typeof failure>

/** Shape of a worker's stack. */
export const stackDocument = record({ lines: list(text), why: orNull(text) })
/** A worker's stack, the innermost frame first; without lines `why` says why there are none. */
export type StackDocument = ShapeOf<typeof stackDocument>
