/**
 * Makes clients of SQS: the home of AWS's own client, an optional package that is loaded with the first queue that needs it. Region,
 * endpoint and credentials are chosen here and nowhere else.
 */
import type { SQSClient, SQSClientConfig } from '@aws-sdk/client-sqs'
import { ErrorCode, RelayError } from '../../../index.js'

/** AWS's package. */
export type SqsSdk = typeof import('@aws-sdk/client-sqs')

/** A client, and the package that its commands come from. */
export interface LoadedSqs {
  readonly sdk: SqsSdk
  readonly client: SQSClient
}

/** Options of a client. */
export interface SqsClientOptions {
  /** URL of the queue that it is for. */
  readonly url: string
  readonly env: Readonly<Record<string, string | undefined>>
  /**
   * Key of the config file that names the queue, and an alternative value: for the error when the package is missing.
   */
  readonly key: string
  readonly instead: string
}

/** Place of a queue, read from its URL. */
export interface QueuePlace {
  readonly region: string | undefined
  /** Undefined: AWS's client chooses it. */
  readonly endpoint: string | undefined
  readonly name: string
  readonly arn: string
}

const defaultAccount = '000000000000'

/** Loads the package and makes a client; sends nothing. Rejects with RR_AWS_PACKAGE when the package is not installed. */
export async function loadSqs(options: SqsClientOptions): Promise<LoadedSqs> {
  const sdk = await import('@aws-sdk/client-sqs').catch((error: unknown) => {
    throw new RelayError(
      ErrorCode.AwsPackage,
      `\`${options.key}\` is the URL of a queue, and @aws-sdk/client-sqs is not installed`,
      {
        hint: `Run \`npm install @aws-sdk/client-sqs\` beside relayrunner, or use ${options.instead}.`,
        cause: error,
      },
    )
  })
  return { sdk, client: new sdk.SQSClient(clientConfig(options)) }
}

/** Reads a queue's URL. The ARN is made from it, without a request. */
export function placeOfQueue(url: string): QueuePlace {
  const { hostname, origin, pathname } = new URL(url)
  const region = /^sqs\.([a-z]{2}-[a-z0-9-]+)\./.exec(hostname)?.[1]
  const isAws = hostname.includes('.amazonaws.')
  const [name = '', account = defaultAccount] = pathname.split('/').filter(Boolean).reverse()
  const arn = `arn:aws:sqs:${region ?? 'us-east-1'}:${account}:${name}`
  return { region, endpoint: isAws ? undefined : origin, name, arn }
}

/** The endpoint: AWS's environment variables, else the URL's host, where that is not AWS's. The region: the URL's host, else the environment. */
function clientConfig({ url, env }: SqsClientOptions): SQSClientConfig {
  const { region: own, endpoint: ownEndpoint } = placeOfQueue(url)
  const endpoint = env.AWS_ENDPOINT_URL_SQS ?? env.AWS_ENDPOINT_URL ?? ownEndpoint
  const region = own ?? env.AWS_REGION ?? (endpoint === undefined ? undefined : 'us-east-1')
  const credentials = credentialsOf(env, endpoint)
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  }
}

/**
 * Credentials of our environment, which `--dotenv` adds to; undefined: AWS's client looks for them in all its sources.
 */
function credentialsOf(env: SqsClientOptions['env'], endpoint: string | undefined) {
  if (env.AWS_PROFILE !== undefined) return undefined
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env
  const { AWS_SESSION_TOKEN: sessionToken } = env
  if (accessKeyId && secretAccessKey)
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
  // Servers on the same machine want a signature and do not check it.
  const isHere = endpoint !== undefined && /^(localhost$|127\.|\[::1\])/.test(new URL(endpoint).hostname)
  return isHere ? { accessKeyId: 'local', secretAccessKey: 'local' } : undefined
}
