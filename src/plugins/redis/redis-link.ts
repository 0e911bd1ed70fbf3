/**
 * Two connections to Redis, one of which may wait for new jobs, by ioredis. A lost one ends both; the next call makes them anew, so that
 * its caller decides how often. Cluster and sentinels look the same.
 */
import { readFile } from 'node:fs/promises'
import type { Cluster, Redis } from 'ioredis'
import { ErrorCode, messageOf, RelayError } from '../../index.js'
import { maskedAddress } from '../../work/queues/queue-fault.js'
import type { RedisSettings } from './part.js'

/** The package, or what an ES module sees of it. */
type IoRedis = Pick<typeof import('ioredis'), 'Redis' | 'Cluster'>
type Options = Awaited<ReturnType<typeof optionsOf>>
type Client = Redis | Cluster

/** Connections that stand. */
export interface RedisLink {
  readonly commands: Client
  /** Blocks while it waits. */
  readonly reader: Client
  /** Ends a wait of the reader. */
  unblock(): void
  readonly isLost: boolean
  /** Ends both; `error` is the reason for calls that wait. */
  end(): void
  close(): Promise<void>
}

const addressDefault = '127.0.0.1:6379'
const portDefault = 6379

/** Connects both. Rejects with the client's error. */
export async function openRedisLink(ioredis: IoRedis, settings: RedisSettings): Promise<RedisLink> {
  const options = await optionsOf(settings)
  const made: Client[] = []
  let isLost = false
  const end = () => {
    isLost = true
    for (const client of made) client.disconnect()
  }
  const connected = async () => {
    const client = clientOf(ioredis, settings, options)
    made.push(client)
    let fault: unknown
    client.on('error', (error: unknown) => {
      fault = error
    })
    try {
      await client.connect()
    } catch (error) {
      throw fault ?? error
    }
    client.on('end', end)
    return client
  }
  try {
    const commands = await connected()
    const reader = await connected()
    const readerId = await idOf(reader)
    return {
      commands,
      reader,
      unblock: () => {
        // In a cluster the reader waits on a node that we do not know: it looks again by itself.
        if (readerId !== undefined) commands.call('CLIENT', 'UNBLOCK', readerId).catch(() => undefined)
      },
      get isLost() {
        return isLost
      },
      end,
      close: async () => {
        isLost = true
        await commands.quit().catch(() => undefined)
        reader.disconnect()
      },
    }
  } catch (error) {
    end()
    throw error
  }
}

/** Returns the address for messages, without secrets. */
export function placeOfRedis({ url, addrs, master_name: master }: RedisSettings): string {
  if (url !== undefined) return maskedAddress(url)
  const list = addrs.length === 0 ? addressDefault : addrs.map(maskedAddress).join(', ')
  return master === '' ? list : `${master} of ${list}`
}

async function idOf(client: Client): Promise<number | undefined> {
  if ('nodes' in client) return undefined
  const id = await client.call('CLIENT', 'ID')
  return typeof id === 'number' ? id : undefined
}

function clientOf(ioredis: IoRedis, settings: RedisSettings, options: Options): Client {
  const { url, addrs, master_name: master, sentinel_password: sentinelPassword } = settings
  if (url !== undefined) return new ioredis.Redis(url, options)
  const addresses = (addrs.length === 0 ? [addressDefault] : addrs).map(addressOf)
  if (master !== '')
    return new ioredis.Redis({
      ...options,
      sentinels: addresses,
      name: master,
      sentinelRetryStrategy: () => null,
      ...(sentinelPassword === '' ? {} : { sentinelPassword }),
    })
  const [first] = addresses
  if (addresses.length === 1 && first !== undefined) return new ioredis.Redis({ ...options, ...first })
  return new ioredis.Cluster(addresses, {
    redisOptions: options,
    lazyConnect: true,
    clusterRetryStrategy: () => null,
  })
}

async function optionsOf({ username, password, db, dial_timeout: connectTimeout, tls }: RedisSettings) {
  return {
    lazyConnect: true,
    // Answers have one shape, also those of old servers.
    protocol: 2 as const,
    connectTimeout,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: true,
    ...(db === 0 ? {} : { db }),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ca: await textOfFile(tls.root_ca),
            cert: await textOfFile(tls.cert),
            key: await textOfFile(tls.key),
          },
        }),
  }
}

async function textOfFile(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const what = `\`redis.tls\` names a file that cannot be read: ${messageOf(error)}`
    throw new RelayError(ErrorCode.ConfigInvalid, what, {
      hint: 'Correct its path, or its rights.',
      cause: error,
    })
  }
}

function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, host = text, port] = /^(?:tcp:\/\/|redis:\/\/)?(.*?)(?::(\d+))?$/.exec(text) ?? []
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? portDefault : Number(port) }
}
