/** `rr plugins`: the plugins of the running server in the order of their set-up. */
import { connectServer, rowsOf, table } from './control.js'
import { type CommonOptions, ExitCode } from './options.js'

/** Prints them. */
export async function plugins(options: CommonOptions): Promise<number> {
  const client = await connectServer(options)
  try {
    const value = await client.call('rr.Plugins')
    if (options.json === true) process.stdout.write(`${JSON.stringify(value)}\n`)
    else {
      const cells = rowsOf(value).map((row) => [
        String(row.name),
        String(row.version ?? '-'),
        String(row.level),
        `${Number(row.setupMs).toFixed(1)} ms`,
        String(row.file),
      ])
      process.stdout.write(`${table(['PLUGIN', 'VERSION', 'LEVEL', 'SET-UP', 'FILE'], cells)}\n`)
    }
  } finally {
    client.close()
  }
  return ExitCode.ok
}
