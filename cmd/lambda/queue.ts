/**
 * `rr queue`: counts the messages of the queue that the running server polls (visible, in flight, delayed, dead). For a queue in memory
 * `show` prints messages, `redrive` moves those of the dead-letter queue back, and `purge` drops all.
 */
import {
  type ChangedQueue,
  EmulatorMessages,
  EmulatorPurge,
  EmulatorQueue,
  EmulatorRedrive,
  type PolledCounts,
  type QueueMessages,
} from '../../src/plugins/index.js'
import { type CommonOptions, ExitCode, wrongUsage } from '../options.js'
import { printAnswer, queueCall, table, withServer } from '../remote/running-server.js'

/** Options of `rr queue`, in addition to the common ones. */
export interface QueueOptions extends CommonOptions {
  /** The dead-letter queue. */
  readonly dead?: boolean
  /** Most messages to show. */
  readonly limit?: string
}

const limitMax = 1000
const bodyCharactersMax = 60

/** Prints the counts, or does what `action` says. Returns 2 for an unknown action. */
export async function queue(
  action: string | undefined,
  ids: readonly string[],
  options: QueueOptions,
): Promise<number> {
  const { dead = false, limit } = options
  const max = limit === undefined ? undefined : Number(limit)
  if (max !== undefined && !(Number.isInteger(max) && max >= 1 && max <= limitMax))
    return wrongUsage(`--limit takes a number from 1 to ${limitMax}, not ${JSON.stringify(limit)}`)
  if (action !== 'redrive' && ids.length > 0)
    return wrongUsage('only `rr queue redrive` takes ids', '`rr queue show --dead` lists them.')
  switch (action) {
    case undefined:
      await withServer(options, async (client) => {
        printAnswer(options, await queueCall(client, EmulatorQueue, undefined), countsTable)
      })
      return ExitCode.ok
    case 'show':
      await withServer(options, async (client) => {
        const choice = { dead, ...(max === undefined ? {} : { max }) }
        printAnswer(options, await queueCall(client, EmulatorMessages, choice), messagesTable)
      })
      return ExitCode.ok
    case 'redrive':
      await withServer(options, async (client) => {
        const answer = await queueCall(client, EmulatorRedrive, ids.length === 0 ? {} : { ids })
        printAnswer(options, answer, changeText('back to'))
      })
      return ExitCode.ok
    case 'purge':
      await withServer(options, async (client) => {
        printAnswer(options, await queueCall(client, EmulatorPurge, { dead }), changeText('dropped from'))
      })
      return ExitCode.ok
    default:
      return wrongUsage(
        `rr queue takes show, redrive or purge, not ${JSON.stringify(action)}`,
        'Without a word it prints how many messages there are.',
      )
  }
}

function countsTable(row: PolledCounts): string {
  const cells = [row.queue, row.visible, row.in_flight, row.delayed, row.dead ?? '-'].map(String)
  return table(['QUEUE', 'VISIBLE', 'IN FLIGHT', 'DELAYED', 'DEAD'], [cells])
}

function messagesTable({ queue: name, total, messages }: QueueMessages): string {
  if (total === 0) return `${name} is empty`
  const rows = messages.map((one) => [
    one.id,
    seconds(one.age_ms),
    String(one.deliveries),
    one.visible_in_ms === 0 ? 'now' : `in ${seconds(one.visible_in_ms)}`,
    one.group ?? '-',
    one.body.length > bodyCharactersMax ? `${one.body.slice(0, bodyCharactersMax)}…` : one.body,
  ])
  const more = total - messages.length
  const rest = more > 0 ? [`and ${more} more: --limit ${Math.min(total, limitMax)}`] : []
  return [table(['ID', 'AGE', 'DELIVERIES', 'NEXT', 'GROUP', 'BODY'], rows), ...rest].join('\n')
}

function changeText(what: string): (answer: ChangedQueue) => string {
  return ({ queue: name, messages }) => `${messages} message${messages === 1 ? '' : 's'} ${what} ${name}`
}

function seconds(ms: number): string {
  return ms < 60_000 ? `${Math.ceil(ms / 1000)}s` : `${Math.round(ms / 60_000)}m`
}
