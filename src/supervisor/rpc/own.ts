/** The server's own procedures, as it and the commands of `rr` know them: names, inputs and the shapes of answers. */
import type { RemoteProcedure } from '../../ipc/rpc/procedure.js'
import {
  boolean,
  list,
  map,
  number,
  orAbsent,
  orNull,
  record,
  type ShapeOf,
  text,
} from '../../ipc/rpc/shape.js'
import { type LiveDocument, liveDocument, type StackDocument, stackDocument } from '../live/document.js'

const greeting = record({ name: text, version: text, pid: number, path: text })
const status = record({
  state: text,
  pid: number,
  live: number,
  idle: number,
  waiting: number,
  stale: orAbsent(list(text)),
})
const workerRow = record({
  pool: text,
  pid: number,
  thread: orAbsent(number),
  state: text,
  jobs: number,
  running: orAbsent(number),
  places: orAbsent(number),
  memory_bytes: number,
  created_at: text,
})
const poolRow = record({
  pool: text,
  size: number,
  live: number,
  idle: number,
  busy: number,
  waiting: number,
  oldest_wait_ms: number,
  restarts: number,
  degraded: orNull(record({ for_ms: number, recent_deaths: number, why: text })),
  memory_bytes: number,
})
const ledgerRow = record({
  id: text,
  accepted_at: text,
  assigned: number,
  answered: number,
  end: orNull(text),
  reason: orNull(text),
})
const ledgerDocument = record({ counts: map(number), open: list(ledgerRow), ended: list(ledgerRow) })
const stopping = record({ pid: number, jobs: orAbsent(number), limit_ms: orAbsent(number) })
const foundLines = record({ lines: list(text), next: number, isAll: boolean, missed: number })
const pluginRow = record({
  name: text,
  version: orAbsent(text),
  file: text,
  level: number,
  setupMs: number,
})

/** A row of `rr workers`. */
export type WorkerRow = ShapeOf<typeof workerRow>
/** A row of `rr pools`. */
export type PoolRow = ShapeOf<typeof poolRow>
/** A row of `rr ledger`. */
export type LedgerRow = ShapeOf<typeof ledgerRow>
/** Document that `rr ledger` prints. */
export type LedgerDocument = ShapeOf<typeof ledgerDocument>
/** A row of `rr plugins`. */
export type PluginRow = ShapeOf<typeof pluginRow>
/** Answer to a request to stop. */
export type StopBegun = ShapeOf<typeof stopping>
/** State of a server in a few numbers. */
export type Status = ShapeOf<typeof status>

/** Query of a client for lines of the log. */
export interface LogQuery {
  /** Number of the first line; 0 for the oldest that is kept. */
  readonly from: number
  readonly wait_ms?: number
  readonly pool?: string
  readonly pid?: number
  readonly job?: string
  readonly level?: string
  readonly grep?: string
}

type Own<O, I = undefined> = RemoteProcedure<I, O>

/** Greets the server with the client's claimed identity, and learns which server answers. */
export const Hello: Own<
  ShapeOf<typeof greeting>,
  { readonly pid: number; readonly user: string | undefined }
> = { name: 'rr.Hello', read: greeting }
/** Answers at once, however slow other procedures are. */
export const Status: Own<Status> = { name: 'rr.Status', read: status }
/** The workers of all pools. */
export const Workers: Own<readonly WorkerRow[]> = { name: 'rr.Workers', read: list(workerRow) }
/** The open pools. */
export const PoolRows: Own<readonly PoolRow[]> = { name: 'rr.Pools', read: list(poolRow) }
/** Accepted entries and their ends. */
export const LedgerRows: Own<LedgerDocument> = { name: 'rr.Ledger', read: ledgerDocument }
/** The plugins in the order of their set-up. */
export const Plugins: Own<readonly PluginRow[]> = { name: 'rr.Plugins', read: list(pluginRow) }
/** State of server, pools, workers and queues now, with the log lines after those that were seen. */
export const Live: Own<LiveDocument, { readonly line?: number; readonly failure?: number }> = {
  name: 'rr.Live',
  read: liveDocument,
}
/** The stack of one worker. */
export const Stack: Own<StackDocument, { readonly pool: string; readonly pid: number }> = {
  name: 'rr.Stack',
  read: stackDocument,
}
/** Lines of the log from a number on; waits up to `wait_ms` where there is none yet. */
export const RecentLog: Own<ShapeOf<typeof foundLines>, LogQuery> = { name: 'rr.Logs', read: foundLines }
/** Begins to stop the server; says how many jobs it waits for, and how long at most. */
export const Stop: Own<StopBegun> = { name: 'rr.Stop', read: stopping }
/** The names of the pools that can be reset. */
export const ResetList: Own<readonly string[]> = { name: 'resetter.List', read: list(text) }
/** Replaces the workers of the named pool; answered when that is done. */
export const Reset: Own<unknown, string> = { name: 'resetter.Reset', read: (answer) => answer }
