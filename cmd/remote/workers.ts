/** `rr workers`: what each worker is doing, as a table or as JSON. */
import { sleep, systemClock } from '../../src/core/clock.js'
import { type WorkerRow, Workers } from '../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printable, printableJson } from '../output.js'
import { warnOfDegraded } from './pools.js'
import { type ControlClient, table, withServer } from './running-server.js'

const redrawMs = 1000

/** Prints the workers of the running server; with `-i` until Ctrl-C. */
export async function workers(options: CommonOptions & { readonly interactive?: boolean }): Promise<number> {
  await withServer(options, async (client) => {
    const rows = await client.call(Workers)
    if (options.json === true) process.stdout.write(`${printableJson(rows)}\n`)
    else if (options.interactive === true && process.stdout.isTTY) await redraw(client)
    else process.stdout.write(`${workersTable(rows)}\n`)
    if (options.interactive !== true) await warnOfDegraded(client)
  })
  return ExitCode.ok
}

async function redraw(client: ControlClient): Promise<void> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  void client.closed.then(() => stop.abort())
  while (!stop.signal.aborted) {
    // Home, and clear what is below: a flicker-free screen without a library.
    process.stdout.write(`\x1b[H\x1b[J${workersTable(await client.call(Workers))}\n`)
    await sleep(systemClock, redrawMs, stop.signal)
  }
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
