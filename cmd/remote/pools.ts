/** `rr pools`: the state of each pool: its size, the waiting callers, whether it is degraded. */

import { type PoolRow, PoolRows } from '../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printable } from '../output.js'
import { type ControlClient, printAnswer, table, withServer } from './running-server.js'

/** Prints the pools of the running server. */
export async function pools(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    const rows = await client.call(PoolRows)
    printAnswer(options, rows, poolsTable)
    if (options.json !== true) warn(rows)
  })
  return ExitCode.ok
}

/** Warns on standard error of degraded pools, for commands that show other data. */
export async function warnOfDegraded(client: ControlClient): Promise<void> {
  warn(await client.call(PoolRows))
}

function warn(rows: readonly PoolRow[]): void {
  for (const { pool, degraded } of rows) {
    if (degraded === null) continue
    const { for_ms: forMs, recent_deaths: deaths, why } = degraded
    const text = `pool ${pool} has been degraded for ${Math.round(forMs / 1000)} s, ${deaths} workers died: ${why}`
    process.stderr.write(`${printable(text)}\n`)
  }
}

/** A pool without a live worker is always booting some. */
function stateOf({ degraded, live }: PoolRow): string {
  if (degraded !== null) return 'degraded'
  return live === 0 ? 'starting' : 'ok'
}

function poolsTable(rows: readonly PoolRow[]): string {
  if (rows.length === 0) return 'no pools'
  const cells = rows.map((row) => [
    row.pool,
    stateOf(row),
    ...[row.size, row.live, row.idle, row.busy, row.waiting, row.restarts].map(String),
    `${Math.round(row.oldest_wait_ms)} ms`,
    `${(row.memory_bytes / 2 ** 20).toFixed(1)} MB`,
  ])
  const headings = [
    'POOL',
    'STATE',
    'SIZE',
    'LIVE',
    'IDLE',
    'BUSY',
    'WAITING',
    'RESTARTS',
    'OLDEST',
    'MEMORY',
  ]
  return table(headings, cells)
}
