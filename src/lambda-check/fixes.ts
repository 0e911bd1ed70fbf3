/** Words fixes for the place the setup was read from: a property of the template, a key of serverless.yml, AWS's CLI. Pure. */
import { unreachable } from '../core/assert.js'
import { type FunctionSetup, isWritten, type MappingSetup, type Origin, type QueueSetup } from './setup.js'

/** A setting of the function. */
export const functionSettings = {
  timeout: { template: 'Timeout', serverless: 'timeout', cli: '--timeout' },
  memory: { template: 'MemorySize', serverless: 'memorySize', cli: '--memory-size' },
  runtime: { template: 'Runtime', serverless: 'runtime', cli: '--runtime' },
  handler: { template: 'Handler', serverless: 'handler', cli: '--handler' },
} as const

/** A setting of a mapping. */
export const mappingSettings = {
  batchSize: { template: 'BatchSize', serverless: 'batchSize', cli: '--batch-size' },
  retriesMax: {
    template: 'MaximumRetryAttempts',
    serverless: 'maximumRetryAttempts',
    cli: '--maximum-retry-attempts',
  },
} as const

/** `set Timeout to 30`, or the command that does it. */
export function setFunction(
  setup: FunctionSetup,
  setting: keyof typeof functionSettings,
  value: string | number,
): string {
  const { template, serverless, cli } = functionSettings[setting]
  switch (setup.origin) {
    case 'aws':
      return `aws lambda update-function-configuration --function-name ${setup.name} ${cli} ${value}`
    case 'serverless':
      return `set ${serverless}: ${value} of the function ${setup.name}`
    case 'template':
    case 'flags':
      return `set ${template}: ${value} of the function ${setup.name}`
    default:
      return unreachable(setup.origin)
  }
}

/** Sets a number of a mapping. */
export function setMapping(
  setup: FunctionSetup,
  mapping: MappingSetup,
  setting: keyof typeof mappingSettings,
  value: number,
): string {
  const { template, serverless, cli } = mappingSettings[setting]
  if (setup.origin === 'aws') return updateMapping(mapping, `${cli} ${value}`)
  return `set ${setup.origin === 'serverless' ? serverless : template}: ${value} of ${mapping.name}`
}

/** Sets the batching window. */
export function setWindow(setup: FunctionSetup, mapping: MappingSetup, seconds: number): string {
  if (setup.origin === 'aws') return updateMapping(mapping, `--maximum-batching-window-in-seconds ${seconds}`)
  const isStream = mapping.kind === 'kinesis' || mapping.kind === 'dynamodb'
  const serverless = isStream ? 'batchWindow' : 'maximumBatchingWindow'
  const key = setup.origin === 'serverless' ? serverless : 'MaximumBatchingWindowInSeconds'
  return `set ${key}: ${seconds} of ${mapping.name}`
}

/** Makes Lambda read the list of failed records. */
export function reportFailures(setup: FunctionSetup, mapping: MappingSetup): string {
  switch (setup.origin) {
    case 'aws':
      return updateMapping(mapping, '--function-response-types ReportBatchItemFailures')
    case 'serverless':
      return `add functionResponseType: ReportBatchItemFailures to ${mapping.name}`
    case 'template':
    case 'flags':
      return `add FunctionResponseTypes: [ReportBatchItemFailures] to ${mapping.name}`
    default:
      return unreachable(setup.origin)
  }
}

/** Limits how many batches of a queue run at once. */
export function limitConcurrency(setup: FunctionSetup, mapping: MappingSetup, value: number): string {
  switch (setup.origin) {
    case 'aws':
      return updateMapping(mapping, `--scaling-config MaximumConcurrency=${value}`)
    case 'serverless':
      return `set maximumConcurrency: ${value} of ${mapping.name}`
    case 'template':
    case 'flags':
      return `set ScalingConfig: { MaximumConcurrency: ${value} } of ${mapping.name}`
    default:
      return unreachable(setup.origin)
  }
}

/** Sets an attribute of a queue. */
export function setQueue(
  setup: FunctionSetup,
  queue: QueueSetup,
  attribute: 'VisibilityTimeout' | 'MessageRetentionPeriod',
  value: number,
): string {
  if (setup.origin === 'aws')
    return `aws sqs set-queue-attributes --queue-url ${queue.url ?? 'URL'} --attributes ${attribute}=${value}`
  return `set ${attribute}: ${value} of the queue ${queue.name}`
}

/** Gives a queue a dead-letter queue, or another limit of receives. */
export function setRedrive(setup: FunctionSetup, queue: QueueSetup, receivesMax: number): string {
  if (setup.origin === 'aws') {
    const policy = JSON.stringify({ deadLetterTargetArn: 'ARN', maxReceiveCount: String(receivesMax) })
    const attributes = JSON.stringify({ RedrivePolicy: policy })
    return `aws sqs set-queue-attributes --queue-url ${queue.url ?? 'URL'} --attributes '${attributes}'`
  }
  const policy = queue.redrive?.value
  if (policy === undefined)
    return `add RedrivePolicy: { deadLetterTargetArn: …, maxReceiveCount: ${receivesMax} } to the queue ${queue.name}`
  return `set maxReceiveCount: ${receivesMax} in the RedrivePolicy of the queue ${queue.name}`
}

/** Sets a key of `rr.yaml`, or adds it. */
export function setWorkers(key: string, value: string | number): string {
  return `set ${key}: ${value} in rr.yaml`
}

/** Names the timeout for a message, with the source of the default when it is not set. */
export function seconds(setup: FunctionSetup): string {
  const { timeoutSeconds } = setup
  return `${timeoutSeconds?.value} s${isWritten(timeoutSeconds) ? '' : ' (the default)'}`
}

/** The name of a property where it is spelt differently. */
export function called(origin: Origin, template: string, serverless: string): string {
  return origin === 'serverless' ? serverless : template
}

function updateMapping(mapping: MappingSetup, words: string): string {
  return `aws lambda update-event-source-mapping --uuid ${mapping.uuid ?? 'UUID'} ${words}`
}
