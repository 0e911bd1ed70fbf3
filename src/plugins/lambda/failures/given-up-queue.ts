/** The queue of records that were given up, through AWS's own client, which is an optional package and loaded here alone. */
import { ErrorCode, RelayError } from '../../../index.js'
import type { SendGivenUp } from './given-up.js'

/**
 * A sender for a queue's URL. Rejects with RR_AWS_PACKAGE when AWS's client is not installed. Region and endpoint come from the
 * environment, as AWS's own clients read them; a region in the URL's host goes first.
 */
export async function sqsSender(url: string): Promise<SendGivenUp> {
  const sdk = await import('@aws-sdk/client-sqs').catch((error: unknown) => {
    throw new RelayError(
      ErrorCode.AwsPackage,
      '`lambda.failed` names a queue, and @aws-sdk/client-sqs is not installed',
      {
        hint: 'Run `npm install @aws-sdk/client-sqs` beside relayrunner, or use `failed: redrive`.',
        cause: error,
      },
    )
  })
  const { hostname, origin, pathname } = new URL(url)
  const region = /^sqs\.([a-z0-9-]+)\.amazonaws\./.exec(hostname)?.[1]
  const isAws = hostname.includes('.amazonaws.')
  const client = new sdk.SQSClient({
    ...(region === undefined ? {} : { region }),
    // A queue of somebody else's making is asked where its URL says.
    ...(isAws ? {} : { endpoint: origin, region: region ?? 'us-east-1' }),
  })
  const isFifo = pathname.endsWith('.fifo')
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
