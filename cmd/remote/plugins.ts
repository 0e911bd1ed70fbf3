/** `rr plugins`: the plugins of the running server in the order of their set-up. */

import { type CommonOptions, ExitCode } from '../options.js'
import { printAnswer, rowsOf, table, withServer } from './control.js'

/** Prints them. */
export async function plugins(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    printAnswer(options, await client.call('rr.Plugins'), pluginsTable)
  })
  return ExitCode.ok
}

function pluginsTable(value: unknown): string {
  const cells = rowsOf(value).map((row) => [
    String(row.name),
    String(row.version ?? '-'),
    String(row.level),
    `${Number(row.setupMs).toFixed(1)} ms`,
    String(row.file),
  ])
  return table(['PLUGIN', 'VERSION', 'LEVEL', 'SET-UP', 'FILE'], cells)
}
