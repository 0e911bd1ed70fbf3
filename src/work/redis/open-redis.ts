/** Makes all clients of Redis: of a server, a cluster, or a master behind sentinels, with TLS. By ioredis, an optional package. */
import { readFile } from 'node:fs/promises'
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'
import { ErrorCode, messageOf, RelayError } from '../../index.js'
import { loadClient } from '../queues/client-package.js'
import { placeOfRedis, type RedisAddress, redisServersOf } from './address.js'
import { redisFault } from './redis-fault.js'

/** One server, a cluster, or a master behind sentinels: commands are the same. */
export type RedisClient = Redis | Cluster

type BehaviourKey =
  | 'commandTimeout'
  | 'enableAutoPipelining'
  | 'enableOfflineQueue'
  | 'maxRetriesPerRequest'
  | 'protocol'
  | 'retryStrategy'

/** Behaviour of a client while its connection is lost. */
interface RedisBehaviour {
  readonly client: Pick<RedisOptions, BehaviourKey>
  /** Further ones, in a cluster. */
  readonly cluster?: Pick<ClusterOptions, 'clusterRetryStrategy' | 'enableAutoPipelining' | 'scaleReads'>
  /** Ms until sentinels are asked again; null: never. */
  readonly askSentinelsAgain?: (tries: number) => number | null
}

/** Makes clients of one address. */
export interface RedisOpener {
  /** Address for messages, without secrets. */
  readonly place: string
  /** Makes a client that connects with its first command, or by `connect`. */
  client(behaviour: RedisBehaviour): RedisClient
  /** Makes a client and connects. Rejects with the reason of the connection itself, as a fault. */
  connect(behaviour: RedisBehaviour): Promise<RedisClient>
  /** Makes the fault of a failed call; `subject` is what it was about. */
  fault(error: unknown, subject?: string): RelayError
}

/** Options of an opener. */
export interface RedisOpenerOptions {
  readonly address: RedisAddress
  /** Name of the driver or plugin that needs the package. */
  readonly user: string
  /** Place of its keys, for hints: `the section \`redis\``. */
  readonly keys: string
}

/** Loads ioredis and the files of TLS; connects to nothing. Rejects with RR_DRIVER_PACKAGE and RR_CONFIG_INVALID. */
export async function redisOpener({ address, user, keys }: RedisOpenerOptions): Promise<RedisOpener> {
  const ioredis = await loadClient({ packages: ['ioredis'], driver: user, load: () => import('ioredis') })
  const own = await addressOptions(address)
  const place = placeOfRedis(address)
  // A command that could not be sent says less than the connection itself.
  let last: unknown
  const fault = (error: unknown, subject?: string) =>
    redisFault(isUnsent(error) ? (last ?? error) : error, { place, keys, subject })
  const noted = <T extends RedisClient>(made: T): T => {
    made.on('error', (error: unknown) => {
      last = error
    })
    return made
  }
  const client = ({ client: given, cluster, askSentinelsAgain }: RedisBehaviour): RedisClient => {
    const options = { ...given, ...own }
    const { url, master_name: name, sentinel_password: sentinelPassword } = address
    if (url !== undefined) return noted(new ioredis.Redis(url, options))
    const servers = redisServersOf(address)
    const [first] = servers
    if (name !== '')
      return noted(
        new ioredis.Redis({
          ...options,
          sentinels: servers,
          name,
          ...(askSentinelsAgain === undefined ? {} : { sentinelRetryStrategy: askSentinelsAgain }),
          // Without both the master and the sentinels would be spoken to in the clear.
          ...(own.tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: own.tls }),
          ...(sentinelPassword === '' ? {} : { sentinelPassword }),
        }),
      )
    if (servers.length === 1 && first !== undefined) return noted(new ioredis.Redis({ ...options, ...first }))
    return noted(new ioredis.Cluster(servers, { ...cluster, redisOptions: options, lazyConnect: true }))
  }
  return {
    place,
    client,
    fault,
    connect: async (behaviour) => {
      const made = client(behaviour)
      try {
        await made.connect()
        return made
      } catch (error) {
        made.disconnect()
        throw fault(error)
      }
    },
  }
}

function isUnsent(error: unknown): boolean {
  return (
    error instanceof Error &&
    /isn't writeable|Connection is closed|Command timed out|max retries per request|All sentinels are unreachable|Failed to refresh slots/.test(
      error.message,
    )
  )
}

async function addressOptions({ username, password, db, dial_timeout: connectTimeout, tls }: RedisAddress) {
  return {
    lazyConnect: true,
    connectTimeout,
    ...(db === 0 ? {} : { db }),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(await textOfFile('ca', tls.root_ca)),
            ...(await textOfFile('cert', tls.cert)),
            ...(await textOfFile('key', tls.key)),
          },
        }),
  }
}

async function textOfFile(key: 'ca' | 'cert' | 'key', file: string): Promise<{ [key: string]: string }> {
  if (file === '') return {}
  try {
    return { [key]: await readFile(file, 'utf8') }
  } catch (error) {
    const what = `\`tls.${key === 'ca' ? 'root_ca' : key}\` of Redis names a file that cannot be read: ${messageOf(error)}`
    throw new RelayError(ErrorCode.ConfigInvalid, what, {
      hint: 'Correct its path, or its rights.',
      cause: error,
    })
  }
}
