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

/** Place of queues and credentials, as RoadRunner's section `sqs` has it; empty texts are not set. */
interface SqsAccess {
  readonly key?: string | undefined
  readonly secret?: string | undefined
  readonly session_token?: string | undefined
  readonly region?: string | undefined
  readonly endpoint?: string | undefined
}

/** Options of a client. */
export interface SqsClientOptions {
  /** URL of the queue that it is for; absent: it is found by its name. */
  readonly url?: string
  /** Settings of the file; they come before the environment. */
  readonly access?: SqsAccess
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
      `\`${options.key}\` names a queue of SQS, and @aws-sdk/client-sqs is not installed`,
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

/**
 * The endpoint: the file's, AWS's environment variables, else the URL's host, where that is not AWS's. The region: the URL's host, the file's,
 * else the environment.
 */
function clientConfig({ url, env, access = {} }: SqsClientOptions): SQSClientConfig {
  const { region: own, endpoint: ownEndpoint } = url === undefined ? noPlace : placeOfQueue(url)
  const { AWS_ENDPOINT_URL_SQS: sqsEndpoint, AWS_ENDPOINT_URL: anyEndpoint } = env
  const endpoint = (access.endpoint || undefined) ?? sqsEndpoint ?? anyEndpoint ?? ownEndpoint
  const known = own ?? (access.region || undefined) ?? env.AWS_REGION
  const region = known ?? (endpoint === undefined ? undefined : 'us-east-1')
  const credentials = credentialsOf(env, access, endpoint)
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  }
}

const noPlace = { region: undefined, endpoint: undefined }

/**
 * Credentials of the file, else of our environment, which `--dotenv` adds to; undefined: AWS's client looks for them in all its sources.
 */
function credentialsOf(env: SqsClientOptions['env'], access: SqsAccess, endpoint: string | undefined) {
  const own = credentials(access.key, access.secret, access.session_token)
  if (own !== undefined || env.AWS_PROFILE !== undefined) return own
  const found = credentials(env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY, env.AWS_SESSION_TOKEN)
  if (found !== undefined) return found
  // Servers on the same machine want a signature and do not check it.
  const isHere = endpoint !== undefined && /^(localhost$|127\.|\[::1\])/.test(new URL(endpoint).hostname)
  return isHere ? { accessKeyId: 'local', secretAccessKey: 'local' } : undefined
}

function credentials(accessKeyId = '', secretAccessKey = '', sessionToken = '') {
  if (accessKeyId === '' || secretAccessKey === '') return undefined
  return { accessKeyId, secretAccessKey, ...(sessionToken === '' ? {} : { sessionToken }) }
}
