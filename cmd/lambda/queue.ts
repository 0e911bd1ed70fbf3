/** `rr queue`: how many messages the queue that the running server polls has, by where they are. */

import { type CommonOptions, ExitCode } from '../options.js'
import { printAnswer, queueCall, rowsOf, table, withServer } from '../remote/control.js'

/** Prints the counts. */
export async function queue(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    printAnswer(options, await queueCall(client, 'emulator.Queue'), queueTable)
  })
  return ExitCode.ok
}

function queueTable(counts: unknown): string {
  const cells = rowsOf([counts]).map((row) =>
    [row.queue, row.visible, row.in_flight, row.delayed, row.dead ?? '-'].map(String),
  )
  return table(['QUEUE', 'VISIBLE', 'IN FLIGHT', 'DELAYED', 'DEAD'], cells)
}
