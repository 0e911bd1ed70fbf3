/** `rr queue`: how many messages the queue that the running server polls has, by where they are. */
import { connectServer, queueCall, rowsOf, table } from './control.js'
import { type CommonOptions, ExitCode } from './options.js'

/** Prints the counts. */
export async function queue(options: CommonOptions): Promise<number> {
  const client = await connectServer(options)
  try {
    const counts = await queueCall(client, 'emulator.Queue')
    if (options.json === true) process.stdout.write(`${JSON.stringify(counts)}\n`)
    else {
      const cells = rowsOf([counts]).map((row) =>
        [row.queue, row.visible, row.in_flight, row.delayed, row.dead ?? '-'].map(String),
      )
      process.stdout.write(`${table(['QUEUE', 'VISIBLE', 'IN FLIGHT', 'DELAYED', 'DEAD'], cells)}\n`)
    }
  } finally {
    client.close()
  }
  return ExitCode.ok
}
