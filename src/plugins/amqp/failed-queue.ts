/** Keeps what failed for good in a queue of RabbitMQ beside the pipeline's, `QUEUE.failed`: durable, and made when it is first needed. */
import type { ConfirmChannel, GetMessage } from 'amqplib'
import type { FailedStore, KeptMessage } from '../../work/index.js'
import { keptMessage, type Publishable, redrivenCopy } from './message.js'

/** Options of a store. */
export interface FailedQueueOptions {
  readonly queue: string
  /** Runs calls on a channel of their own. */
  readonly aside: <T>(use: (channel: ConfirmChannel) => Promise<T>) => Promise<T>
  /** Publishes a copy of a delivery with the facts of its failure into the queue of this name, and acknowledges it. */
  readonly keep: FailedStore['keep']
  readonly newId: () => string
  readonly nowMs: () => number
}

/** Ms for which a queue that is not there is not asked for again. */
const absentMs = 60_000

/** Name of the queue of failed jobs. */
export function failedQueueOf(queue: string): string {
  return `${queue}.failed`
}

/** Makes the store. */
export function failedQueue({ queue, aside, keep, newId, nowMs }: FailedQueueOptions): FailedStore {
  const name = failedQueueOf(queue)
  // RabbitMQ logs each question for a queue that is not there as an error.
  let absentUntilMs = 0
  // A question that was asked before a job was kept says nothing of the queue that this made.
  let kept = 0
  const known = <T>(value: T, use: (channel: ConfirmChannel) => Promise<T>): Promise<T> => {
    if (nowMs() < absentUntilMs) return Promise.resolve(value)
    const before = kept
    return aside(use).catch((error: unknown) => {
      if (!isMissing(error)) throw error
      if (kept === before) absentUntilMs = nowMs() + absentMs
      return value
    })
  }
  return {
    keep: async (failed) => {
      await keep(failed)
      kept += 1
      absentUntilMs = 0
    },
    list: (max) =>
      known<readonly KeptMessage[]>([], async (channel) =>
        (await takeAll(channel, name, max)).map(keptMessage),
      ),
    count: () => known(0, async (channel) => (await channel.checkQueue(name)).messageCount),
    redrive: (ids) =>
      known(0, async (channel) => {
        // A message for a queue that is not there would be gone.
        await channel.checkQueue(queue)
        const taken = await takeAll(channel, name, Number.POSITIVE_INFINITY)
        const wanted =
          ids === undefined ? taken : taken.filter((message) => ids.includes(keptMessage(message).id))
        for (const message of wanted) {
          await confirmed(channel, queue, redrivenCopy(message, newId()))
          channel.ack(message)
        }
        return wanted.length
      }),
  }
}

/** Takes messages until there is none. What is not acknowledged is back in its place when the channel closes. */
async function takeAll(channel: ConfirmChannel, name: string, max: number): Promise<readonly GetMessage[]> {
  const { messageCount } = await channel.checkQueue(name)
  const taken: GetMessage[] = []
  while (taken.length < Math.min(max, messageCount)) {
    const message = await channel.get(name)
    if (message === false) break
    taken.push(message)
  }
  return taken
}

function confirmed(channel: ConfirmChannel, queue: string, { content, options }: Publishable): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.sendToQueue(queue, content, options, (error: unknown) => {
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 404
}
