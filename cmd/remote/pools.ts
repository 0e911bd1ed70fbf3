/** `rr pools`: how each pool is: its size, who waits, and whether it is degraded. */

import { type CommonOptions, ExitCode } from '../options.js'
import { printable } from '../output.js'
import { type ControlClient, printAnswer, rowsOf, table, withServer } from './control.js'

/** Prints the pools of the running server. */
export async function pools(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    const rows = await client.call('rr.Pools')
    printAnswer(options, rows, poolsTable)
    if (options.json !== true) warn(rows)
  })
  return ExitCode.ok
}

/** Says on standard error which pools are degraded; for commands that show something else of them. */
export async function warnOfDegraded(client: ControlClient): Promise<void> {
  warn(await client.call('rr.Pools'))
}

function warn(value: unknown): void {
  for (const { pool, degraded } of rowsOf(value)) {
    const [row] = rowsOf([degraded])
    if (row === undefined) continue
    const seconds = Math.round(Number(row.for_ms) / 1000)
    const text = `pool ${String(pool)} has been degraded for ${seconds} s, ${String(row.recent_deaths)} workers fell: ${String(row.why)}`
    process.stderr.write(`${printable(text)}\n`)
  }
}

/** A pool without a worker is always bringing some up. */
function stateOf({ degraded, live }: Readonly<Record<string, unknown>>): string {
  if (degraded !== null) return 'degraded'
  return live === 0 ? 'starting' : 'ok'
}

function poolsTable(value: unknown): string {
  const rows = rowsOf(value)
  if (rows.length === 0) return 'no pools'
  const cells = rows.map((row) => [
    String(row.pool),
    stateOf(row),
    ...['size', 'live', 'idle', 'busy', 'waiting', 'restarts'].map((key) => String(row[key])),
    `${Math.round(Number(row.oldest_wait_ms))} ms`,
    `${(Number(row.memory_bytes) / 2 ** 20).toFixed(1)} MB`,
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
