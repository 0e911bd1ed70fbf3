/** Changes the visibility of records of SQS with AWS's own client. */
import { ErrorCode, hasCode } from '../../../index.js'
import { type LoadedSqs, loadSqs } from '../../../work/queues/sqs/client.js'
import type { ChangeVisibility, WaitEntry } from './retry-waits.js'

/** Loads the client. Rejects with RR_AWS_PACKAGE when it is not installed; with `isOptional`, resolves with undefined instead. */
export async function visibilityChanger(
  env: Readonly<Record<string, string | undefined>>,
  isOptional: boolean,
): Promise<ChangeVisibility | undefined> {
  const endpoint = env.AWS_ENDPOINT_URL_SQS ?? env.AWS_ENDPOINT_URL
  const queues = new Map<string, OpenQueue>()
  const load = (url: string) =>
    loadSqs({ url, env, key: 'lambda.retry: visibility', instead: '`retry: log`' })
  try {
    // Only to see that the package is there.
    await load(urlOfArn('arn:aws:sqs:us-east-1:000000000000:none', endpoint))
  } catch (error) {
    if (isOptional && hasCode(error, ErrorCode.AwsPackage)) return undefined
    throw error
  }
  return async (arn, entries, abortSignal) => {
    const made = urlOfArn(arn, endpoint)
    const loaded = queues.get(arn) ?? { ...(await load(made)), url: made }
    if (!queues.has(arn)) {
      // A compatible server may call its queues otherwise; AWS's are as their ARN says.
      if (endpoint !== undefined) loaded.url = await urlAt(loaded, arn, abortSignal)
      queues.set(arn, loaded)
    }
    return change(loaded, entries, abortSignal)
  }
}

interface OpenQueue extends LoadedSqs {
  url: string
}

async function urlAt(
  { sdk, client, url }: OpenQueue,
  arn: string,
  abortSignal: AbortSignal,
): Promise<string> {
  const [, , , , account, name] = arn.split(':')
  const command = new sdk.GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account })
  return (await client.send(command, { abortSignal })).QueueUrl ?? url
}

async function change(
  { sdk, client, url }: OpenQueue,
  entries: readonly WaitEntry[],
  abortSignal: AbortSignal,
): Promise<readonly (string | undefined)[]> {
  const command = new sdk.ChangeMessageVisibilityBatchCommand({
    QueueUrl: url,
    Entries: entries.map(({ receiptHandle, seconds }, at) => ({
      Id: String(at),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: seconds,
    })),
  })
  const { Failed: failed = [] } = await client.send(command, { abortSignal })
  const faults: (string | undefined)[] = entries.map(() => undefined)
  for (const { Id: id, Code: code, Message: message } of failed)
    faults[Number(id)] = message ?? code ?? 'refused'
  return faults
}

/** Returns the URL of a queue, `arn:PARTITION:sqs:REGION:ACCOUNT:NAME`, at AWS or at an endpoint. */
export function urlOfArn(arn: string, endpoint: string | undefined): string {
  const [, partition = '', , region = '', account = '', name = ''] = arn.split(':')
  const domain = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com'
  const origin = endpoint === undefined ? `https://sqs.${region}.${domain}` : endpoint.replace(/\/+$/, '')
  return `${origin}/${account}/${name}`
}
