/**
 * Reads the setup of a deployed function from AWS. The home of AWS's clients, which are loaded here and nowhere else: they
 * are optional, and big. Needs lambda:GetFunctionConfiguration, lambda:GetFunctionConcurrency,
 * lambda:ListEventSourceMappings, sqs:GetQueueUrl and sqs:GetQueueAttributes.
 */
import type {
  EventSourceMappingConfiguration,
  FunctionConfiguration,
  LambdaClient,
} from '@aws-sdk/client-lambda'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { ErrorCode, messageOf, RelayError } from '../core/errors.js'
import { objectOf, parseJson } from '../core/json.js'
import { kindOfArn } from './from-template.js'
import { fifoByName } from './queues.js'
import type { DeadLetters, Fact, FunctionSetup, MappingSetup, QueueSetup, Redrive } from './setup.js'

/** Name and region of the function. */
export interface Deployed {
  readonly name: string
  readonly region: string | undefined
}

/** AWS's clients; a test may pass its own. */
export interface Packages {
  lambda(): Promise<typeof import('@aws-sdk/client-lambda')>
  sqs(): Promise<typeof import('@aws-sdk/client-sqs')>
}

const installed: Packages = {
  lambda: () => import('@aws-sdk/client-lambda'),
  sqs: () => import('@aws-sdk/client-sqs'),
}

const mappingsMax = 100
const limits = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 5000, requestTimeout: 10_000 },
} as const

type Unstaffed = Omit<FunctionSetup, 'workers'>

/**
 * Reads the setup. Rejects with RR_AWS_PACKAGE when a client is not installed, with RR_AWS_CALL when AWS does not answer.
 */
export async function readDeployed(
  { name, region }: Deployed,
  packages: Packages = installed,
): Promise<Unstaffed> {
  const [lambda, sqs] = await load(packages)
  const settings = { ...limits, ...(region === undefined ? {} : { region }) }
  const asker = new Asker({
    lambda,
    sqs,
    lambdaClient: new lambda.LambdaClient(settings),
    sqsClient: new sqs.SQSClient(settings),
  })
  try {
    return await asker.setup(name)
  } finally {
    asker.close()
  }
}

async function load(packages: Packages) {
  try {
    return await Promise.all([packages.lambda(), packages.sqs()])
  } catch (error) {
    const what = `AWS's clients cannot be loaded: ${messageOf(error).split('\n')[0]}`
    throw new RelayError(ErrorCode.AwsPackage, what, {
      hint: 'They are optional: npm install @aws-sdk/client-lambda @aws-sdk/client-sqs',
      cause: error,
    })
  }
}

interface Clients {
  readonly lambda: typeof import('@aws-sdk/client-lambda')
  readonly sqs: typeof import('@aws-sdk/client-sqs')
  readonly lambdaClient: LambdaClient
  readonly sqsClient: SQSClient
}

class Asker {
  readonly #clients: Clients

  constructor(clients: Clients) {
    this.#clients = clients
  }

  async setup(name: string): Promise<Unstaffed> {
    const { lambda, lambdaClient } = this.#clients
    const about = { FunctionName: name }
    const configuration = await this.#ask('lambda:GetFunctionConfiguration', () =>
      lambdaClient.send(new lambda.GetFunctionConfigurationCommand(about)),
    )
    const concurrency = await this.#ask('lambda:GetFunctionConcurrency', () =>
      lambdaClient.send(new lambda.GetFunctionConcurrencyCommand({ FunctionName: unqualified(name) })),
    )
    const mappings: MappingSetup[] = []
    for (const mapping of await this.#mappings(name)) mappings.push(...(await this.#mapping(mapping)))
    return {
      ...functionFacts(name, configuration),
      reservedConcurrency: { value: concurrency.ReservedConcurrentExecutions },
      mappings,
    }
  }

  close(): void {
    this.#clients.lambdaClient.destroy()
    this.#clients.sqsClient.destroy()
  }

  async #mappings(name: string): Promise<readonly EventSourceMappingConfiguration[]> {
    const { lambda, lambdaClient } = this.#clients
    const found: EventSourceMappingConfiguration[] = []
    let marker: string | undefined
    do {
      const page = { FunctionName: name, ...(marker === undefined ? {} : { Marker: marker }) }
      const answer = await this.#ask('lambda:ListEventSourceMappings', () =>
        lambdaClient.send(new lambda.ListEventSourceMappingsCommand(page)),
      )
      found.push(...(answer.EventSourceMappings ?? []))
      marker = answer.NextMarker === '' ? undefined : answer.NextMarker
    } while (marker !== undefined && found.length < mappingsMax)
    return found
  }

  async #mapping(mapping: EventSourceMappingConfiguration): Promise<MappingSetup[]> {
    const arn = mapping.EventSourceArn ?? ''
    const kind = mapping.SelfManagedEventSource === undefined ? kindOfArn(arn) : 'kafka'
    if (kind === undefined || mapping.State === 'Disabled') return []
    const queue = kind === 'sqs' ? await this.#queue(arn) : undefined
    return [{ ...mappingFacts(kind, mapping), queue }]
  }

  async #queue(arn: string): Promise<QueueSetup> {
    const name = arn.split(':').at(-1) ?? arn
    try {
      const { url, attributes } = await this.#attributes(arn)
      return {
        name,
        url,
        isFifo: fifoByName(name),
        visibilitySeconds: numberOf(attributes.VisibilityTimeout),
        retentionSeconds: numberOf(attributes.MessageRetentionPeriod),
        redrive: { value: await this.#redrive(attributes.RedrivePolicy) },
      }
    } catch (error) {
      // A user who may read the function may lack the permission to read its queue: that is reported, the rest is
      // checked.
      return { name, isFifo: fifoByName(name), unread: messageOf(error) }
    }
  }

  async #redrive(policy: string | undefined): Promise<Redrive | undefined> {
    if (policy === undefined || policy === '') return undefined
    const { maxReceiveCount, deadLetterTargetArn } = objectOf(parseJson(policy))
    const arn = typeof deadLetterTargetArn === 'string' ? deadLetterTargetArn : undefined
    return {
      receivesMax: numberOf(String(maxReceiveCount)),
      deadLetters: arn === undefined ? undefined : await this.#deadLetters(arn),
    }
  }

  async #deadLetters(arn: string): Promise<DeadLetters> {
    const name = arn.split(':').at(-1) ?? arn
    const known = { name, isFifo: fifoByName(name) }
    try {
      const { attributes } = await this.#attributes(arn)
      return { ...known, retentionSeconds: numberOf(attributes.MessageRetentionPeriod) }
    } catch {
      // Only its retention is unknown then; the queue itself is checked.
      return known
    }
  }

  async #attributes(arn: string) {
    const { sqs, sqsClient } = this.#clients
    const [account, name] = arn.split(':').slice(4)
    const owner = account === undefined || account === '' ? {} : { QueueOwnerAWSAccountId: account }
    const { QueueUrl: url } = await this.#ask('sqs:GetQueueUrl', () =>
      sqsClient.send(new sqs.GetQueueUrlCommand({ QueueName: name, ...owner })),
    )
    const { Attributes: attributes = {} } = await this.#ask('sqs:GetQueueAttributes', () =>
      sqsClient.send(new sqs.GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] })),
    )
    return { url, attributes }
  }

  async #ask<T>(action: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : ''
      throw new RelayError(ErrorCode.AwsCall, `AWS refused ${action}: ${name}${messageOf(error)}`, {
        hint: 'It needs credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID …), a region (--region) and the permission for that action.',
        cause: error,
      })
    }
  }
}

/** `orders:live` → `orders`, and the same of an ARN: concurrency belongs to the function, not to an alias. */
function unqualified(name: string): string {
  const parts = name.split(':')
  return parts.slice(0, parts[0] === 'arn' ? 7 : 1).join(':')
}

function functionFacts(name: string, configuration: FunctionConfiguration): Unstaffed {
  const { Timeout, MemorySize, PackageType, Runtime, Handler, LoggingConfig } = configuration
  return {
    name: configuration.FunctionName ?? name,
    origin: 'aws',
    timeoutSeconds: fact(Timeout),
    memoryMb: fact(MemorySize),
    packageType: { value: PackageType === 'Image' ? 'Image' : 'Zip' },
    runtime: fact(Runtime),
    handler: { value: Handler ?? '' },
    logFormat: fact(LoggingConfig?.LogFormat),
    gateways: [],
    mappings: [],
  }
}

function mappingFacts(kind: MappingSetup['kind'], mapping: EventSourceMappingConfiguration): MappingSetup {
  const isStream = kind === 'kinesis' || kind === 'dynamodb'
  return {
    kind,
    name: `the mapping of ${mapping.EventSourceArn?.split(':').at(-1) ?? kind}`,
    uuid: mapping.UUID,
    reportsFailures: {
      value: mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures') === true,
    },
    batchSize: fact(mapping.BatchSize),
    windowSeconds: { value: mapping.MaximumBatchingWindowInSeconds ?? 0 },
    maximumConcurrency: { value: mapping.ScalingConfig?.MaximumConcurrency },
    isProvisioned: { value: mapping.ProvisionedPollerConfig !== undefined },
    ...(isStream
      ? {
          retriesMax: { value: mapping.MaximumRetryAttempts ?? -1 },
          recordAgeSeconds: { value: mapping.MaximumRecordAgeInSeconds ?? -1 },
        }
      : {}),
  }
}

function fact<T>(value: T | undefined): Fact<T> | undefined {
  return value === undefined ? undefined : { value }
}

function numberOf(text: string | undefined): Fact<number> | undefined {
  const value = Number(text)
  return text === undefined || text === '' || !Number.isFinite(value) ? undefined : { value }
}
