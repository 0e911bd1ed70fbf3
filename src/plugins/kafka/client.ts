/** Clients of Kafka, with the section's addresses, TLS and credentials. The home of their package. */
import { readFile } from 'node:fs/promises'
import type { Admin, BaseOptions, Consumer, Producer } from '@platformatic/kafka'
import { ErrorCode, messageOf, RelayError } from '../../index.js'
import { loadClient } from '../../work/queues/client-package.js'
import { kafkaFault } from './fault.js'
import type { KafkaSettings } from './part.js'

/** Options of a consumer that is in a group. */
interface GroupClientOptions {
  readonly groupId: string
  readonly sessionMs: number
  readonly rebalanceMs: number
  readonly heartbeatMs: number
}

/** Makes clients. Each has connections of its own: a broker answers the calls of one connection in turn, and some wait for a time. */
export interface KafkaClients {
  /** Addresses, for people. */
  readonly place: string
  group(options: GroupClientOptions): Consumer
  /** A client that reads and asks, without being a member. */
  reader(groupId: string): Consumer
  producer(requestMs: number): Producer
  admin(): Admin
  /** Returns the number of a key, which modulo the partitions is where Kafka's own client puts it. */
  numberOf(key: Buffer): number
  /** Returns what an error means. */
  fault(error: unknown): unknown
}

const addressDefault = '127.0.0.1:9092'
/** Ms for an answer beyond the time that a call may wait at the broker. */
const answerMsMax = 10_000
/** Kafka's client takes the sign away from its hash. */
const positiveBits = 0x7fffffff
const mechanisms = { plain: 'PLAIN' } as const

/** Closes a client. Never rejects. */
export function closeClient(client: Consumer): Promise<void> {
  return new Promise((resolve) => client.close(true, () => resolve()))
}

/** Loads the package and the files of TLS; connects to nothing. Rejects with RR_DRIVER_PACKAGE, or for a file that cannot be read. */
export async function loadKafka(settings: KafkaSettings): Promise<KafkaClients> {
  const kafka = await loadClient({
    packages: ['@platformatic/kafka'],
    driver: 'kafka',
    load: () => import('@platformatic/kafka'),
  })
  const brokers = settings.brokers.length === 0 ? [addressDefault] : settings.brokers
  const base = await baseOptions(settings, brokers)
  const place = brokers.join(',')
  const about = { ...base, requestTimeout: answerMsMax, timeout: answerMsMax }
  return {
    place,
    group: ({ groupId, sessionMs, rebalanceMs, heartbeatMs }) =>
      new kafka.Consumer({
        ...about,
        // A join waits until all members have come.
        requestTimeout: rebalanceMs + answerMsMax,
        groupId,
        sessionTimeout: sessionMs,
        rebalanceTimeout: Math.max(rebalanceMs, sessionMs),
        heartbeatInterval: heartbeatMs,
      }),
    reader: (groupId) => new kafka.Consumer({ ...about, groupId }),
    producer: (requestMs) => new kafka.Producer({ ...about, requestTimeout: requestMs, timeout: requestMs }),
    admin: () => new kafka.Admin(about),
    numberOf: (key) => kafka.murmur2(key) & positiveBits,
    fault: (error) => kafkaFault(error, place),
  }
}

async function baseOptions(settings: KafkaSettings, brokers: readonly string[]): Promise<BaseOptions> {
  const { tls, sasl, ping } = settings
  return {
    clientId: 'relayrunner',
    bootstrapBrokers: [...brokers],
    connectTimeout: tls?.timeout ?? ping?.timeout ?? answerMsMax,
    // Who calls decides whether to call again.
    retries: 0,
    ...(tls === undefined ? {} : { tls: await tlsOptions(tls), tlsServerName: true }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: mechanismOf(sasl.mechanism),
            username: sasl.username,
            password: sasl.password,
          },
        }),
  }
}

function mechanismOf(name: string): 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' {
  return name === 'SCRAM-SHA-256' || name === 'SCRAM-SHA-512' ? name : mechanisms.plain
}

async function tlsOptions({ root_ca: ca, cert, key }: NonNullable<KafkaSettings['tls']>) {
  const files = await Promise.all(Object.entries({ ca, cert, key }).map(readIfNamed))
  return Object.fromEntries(files.flat())
}

async function readIfNamed([option, path]: readonly [string, string]): Promise<readonly [string, Buffer][]> {
  if (path === '') return []
  try {
    return [[option, await readFile(path)]]
  } catch (error) {
    throw new RelayError(ErrorCode.ConfigInvalid, `kafka.tls: ${path} cannot be read: ${messageOf(error)}`, {
      hint: 'Correct the path, or the permissions of the file.',
      cause: error,
    })
  }
}
