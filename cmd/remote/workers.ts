/** `rr workers`: what each worker is doing, as a table or as JSON. */
import { type WorkerRow, Workers } from '../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printable, printableJson } from '../output.js'
import { warnOfDegraded } from './pools.js'
import { table, withServer } from './running-server.js'

/** Prints the workers of the running server; with `-i` on a terminal it is `rr top`. */
export async function workers(options: CommonOptions & { readonly interactive?: boolean }): Promise<number> {
  if (options.interactive === true && options.json !== true && process.stdout.isTTY)
    return (await import('./top/top.js')).top(options)
  await withServer(options, async (client) => {
    const rows = await client.call(Workers)
    if (options.json === true) process.stdout.write(`${printableJson(rows)}\n`)
    else process.stdout.write(`${workersTable(rows)}\n`)
    await warnOfDegraded(client)
  })
  return ExitCode.ok
}

function workersTable(rows: readonly WorkerRow[]): string {
  if (rows.length === 0) return 'no workers yet: `rr pools` shows the state of the pools'
  const pools = [...new Set(rows.map(({ pool }) => pool))]
  return pools
    .map((pool) => {
      const own = rows.filter((row) => row.pool === pool)
      const hasSeveral = own.some(({ places }) => places !== undefined)
      const cells = own.map((row) => [
        row.thread === undefined ? String(row.pid) : `${row.pid}:${row.thread}`,
        row.state,
        ...(hasSeveral ? [`${row.running ?? 0}/${row.places ?? 1}`] : []),
        String(row.jobs),
        `${(row.memory_bytes / 2 ** 20).toFixed(1)} MB`,
        row.created_at,
      ])
      const headings = ['PID', 'STATUS', ...(hasSeveral ? ['RUNNING'] : []), 'JOBS', 'MEMORY', 'CREATED']
      return `Workers of [${printable(pool)}]:\n${table(headings, cells)}`
    })
    .join('\n\n')
}
