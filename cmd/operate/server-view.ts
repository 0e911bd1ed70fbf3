/** Asks the running server of a configuration for `rr doctor`, and judges its answers. */
import { ErrorCode, hasCode, messageOf } from '../../src/core/errors.js'
import {
  type LedgerDocument,
  LedgerRows,
  type PluginRow,
  Plugins,
  type PoolRow,
  PoolRows,
  RecentLog,
  Status,
  type WorkerRow,
  Workers,
} from '../../src/supervisor/rpc/own.js'
import type { CommonOptions } from '../options.js'
import { type ControlClient, connectServer } from '../remote/running-server.js'
import { type Diagnosis, fine, Grade } from './finding.js'

/** Answers of a running server. */
export interface ServerView {
  readonly status: Status
  readonly pools: readonly PoolRow[]
  readonly workers: readonly WorkerRow[]
  readonly plugins: readonly PluginRow[]
  readonly ledger: LedgerDocument
  /** The last lines of its log, as JSON. */
  readonly log: readonly string[]
  /** Why it could not be asked, where one seems to run. */
  readonly fault?: undefined
}

/** A server that did not answer. */
export interface SilentServer {
  readonly fault: string
}

/** Asks the running server; undefined where none runs. */
export async function askServer(options: CommonOptions): Promise<ServerView | SilentServer | undefined> {
  let client: ControlClient
  try {
    client = await connectServer(options)
  } catch (error) {
    const isNone = [ErrorCode.NotRunning, ErrorCode.ConfigNotFound].some((code) => hasCode(error, code))
    return isNone ? undefined : { fault: messageOf(error) }
  }
  try {
    const [status, pools, workers] = [
      await client.call(Status),
      await client.call(PoolRows),
      await client.call(Workers),
    ]
    const [plugins, ledger] = [await client.call(Plugins), await client.call(LedgerRows)]
    return { status, pools, workers, plugins, ledger, log: await lastLog(client) }
  } catch (error) {
    return { fault: messageOf(error) }
  } finally {
    client.close()
  }
}

async function lastLog(client: ControlClient): Promise<readonly string[]> {
  const lines: string[] = []
  for (let from = 0; ; ) {
    const found = await client.call(RecentLog, { from })
    lines.push(...found.lines)
    from = found.next
    if (found.isAll) return lines
  }
}

/** Judges the answers. */
export function serverFindings(view: ServerView | SilentServer | undefined): readonly Diagnosis[] {
  if (view === undefined) return [fine('server', 'none runs for this configuration')]
  if (view.fault !== undefined)
    return [{ grade: Grade.fault, about: 'server', what: view.fault, todo: 'see its log' }]
  const { status, pools, ledger } = view
  const { state, pid, live, idle, waiting } = status
  const degraded = pools.flatMap(({ pool, degraded }): Diagnosis[] =>
    degraded === null
      ? []
      : [
          {
            grade: Grade.warn,
            about: `pool ${pool}`,
            what: `is degraded since ${Math.round(degraded.for_ms / 1000)} s: ${degraded.why}`,
            todo: `its workers die or do not boot: \`rr logs --pool ${pool} --level warn\``,
          },
        ],
  )
  return [
    fine(
      'server',
      `${state}, pid ${pid}: ${live} workers, ${idle} idle, ${waiting} callers waiting, ${ledger.open.length} jobs in flight`,
    ),
    ...degraded,
  ]
}
