/** `rr send`: sends messages to the queue that the running server polls, and prints their ids. */
import { EmulatorSend } from '../../src/plugins/index.js'
import { parseDuration } from '../../src/schema/units.js'
import { readInput } from '../input.js'
import { type CommonOptions, ExitCode, wrongUsage } from '../options.js'
import { printable, printableJson } from '../output.js'
import { queueCall, withServer } from '../remote/running-server.js'

/** Options of `rr send`, in addition to the common ones. */
export interface SendOptions extends CommonOptions {
  readonly body?: string
  readonly count?: string
  readonly group?: string
  readonly deduplicationId?: string
  readonly delay?: string
  readonly queue?: string
}

const countMax = 10_000

/**
 * Sends the messages. Returns 0 when the queue took all of them, 1 without a server or a queue, or when the queue refused
 * one.
 */
export async function send(file: string | undefined, options: SendOptions): Promise<number> {
  const { body, count: countText = '1', delay, group, deduplicationId, queue } = options
  const count = Number(countText)
  const delayMs = delay === undefined ? undefined : parseDuration(delay)
  if (!Number.isInteger(count) || count < 1 || count > countMax)
    return wrongUsage(`--count takes a number from 1 to ${countMax}, not ${JSON.stringify(countText)}`)
  if (delay !== undefined && delayMs === undefined)
    return wrongUsage(`--delay takes a duration such as 5s, not ${JSON.stringify(delay)}`)
  if (file !== undefined && body !== undefined) return wrongUsage('give either a file or --body')
  const input = file === undefined ? undefined : readInput(file)
  if (typeof input === 'string') return wrongUsage(input)
  const text = input?.toString('utf8') ?? body
  await withServer(options, async (client) => {
    const argument = { body: text, count, group, queue, deduplication_id: deduplicationId, delay_ms: delayMs }
    const answer = await queueCall(client, EmulatorSend, argument)
    const ids = options.json === true ? [printableJson(answer)] : answer.message_ids.map(printable)
    process.stdout.write(`${ids.join('\n')}\n`)
  })
  return ExitCode.ok
}
