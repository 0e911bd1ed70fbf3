/** Sends records that were given up to a queue of SQS. */
import { loadSqs, placeOfQueue } from '../../../work/queues/sqs/client.js'
import type { SendGivenUp } from './given-up.js'

/** Makes a sender for a queue's URL. Rejects with RR_AWS_PACKAGE when AWS's client is not installed. */
export async function sqsSender(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<SendGivenUp> {
  const { sdk, client } = await loadSqs({ url, env, key: 'lambda.failed', instead: '`failed: redrive`' })
  const isFifo = placeOfQueue(url).name.endsWith('.fifo')
  return async ({ body, attributes, group, deduplicationId }, abortSignal) => {
    const order = isFifo ? { MessageGroupId: group, MessageDeduplicationId: deduplicationId } : {}
    const named = Object.entries(attributes).map(
      ([name, value]) => [name, { DataType: 'String', StringValue: value }] as const,
    )
    const command = new sdk.SendMessageCommand({
      QueueUrl: url,
      MessageBody: body === '' ? ' ' : body,
      MessageAttributes: Object.fromEntries(named),
      ...order,
    })
    await client.send(command, { abortSignal })
  }
}
