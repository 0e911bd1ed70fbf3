/** `rr queue`: counts the messages of the queue that the running server polls: visible, in flight, delayed, dead. */

import { EmulatorQueue, type PolledCounts } from '../../src/plugins/index.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printAnswer, queueCall, table, withServer } from '../remote/running-server.js'

/** Prints the counts. */
export async function queue(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    printAnswer(options, await queueCall(client, EmulatorQueue, undefined), queueTable)
  })
  return ExitCode.ok
}

function queueTable(row: PolledCounts): string {
  const cells = [row.queue, row.visible, row.in_flight, row.delayed, row.dead ?? '-'].map(String)
  return table(['QUEUE', 'VISIBLE', 'IN FLIGHT', 'DELAYED', 'DEAD'], [cells])
}
