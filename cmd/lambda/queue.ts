/** `rr queue`: counts the messages of the queue that the running server polls: visible, in flight, delayed, dead. */

import { number, orNull, record, type ShapeOf, text } from '../../src/ipc/rpc/shape.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printAnswer, queueCall, table, withServer } from '../remote/running-server.js'

const counts = record({
  queue: text,
  visible: number,
  in_flight: number,
  delayed: number,
  dead: orNull(number),
})

/** Prints the counts. */
export async function queue(options: CommonOptions): Promise<number> {
  await withServer(options, async (client) => {
    printAnswer(
      options,
      await queueCall(client, { name: 'emulator.Queue', read: counts }, undefined),
      queueTable,
    )
  })
  return ExitCode.ok
}

function queueTable(row: ShapeOf<typeof counts>): string {
  const cells = [row.queue, row.visible, row.in_flight, row.delayed, row.dead ?? '-'].map(String)
  return table(['QUEUE', 'VISIBLE', 'IN FLIGHT', 'DELAYED', 'DEAD'], [cells])
}
