/** `rr plugins`: the plugins of the running server in the order of their set-up. */

import { type PluginRow, Plugins } from '../../src/supervisor/rpc/own.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printAnswer, table, withServer } from './running-server.js'

/** Prints the plugins of the running server. */
export async function plugins(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    printAnswer(options, await client.call(Plugins), pluginsTable)
  })
  return ExitCode.ok
}

function pluginsTable(rows: readonly PluginRow[]): string {
  const cells = rows.map((row) => [
    row.name,
    row.version ?? '-',
    String(row.level),
    `${row.setupMs.toFixed(1)} ms`,
    row.file,
  ])
  return table(['PLUGIN', 'VERSION', 'LEVEL', 'SET-UP', 'FILE'], cells)
}
