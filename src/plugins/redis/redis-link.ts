/**
 * Two connections to Redis, one of which may wait for new jobs. A lost one ends both; the next call makes them anew, so that
 * its caller decides how often. Cluster and sentinels look the same.
 */
import type { RedisClient, RedisOpener } from '../../work/redis/open-redis.js'

/** Connections that stand. */
export interface RedisLink {
  readonly commands: RedisClient
  /** Blocks while it waits. */
  readonly reader: RedisClient
  /** Ends a wait of the reader. */
  unblock(): void
  readonly isLost: boolean
  /** Ends both; `error` is the reason for calls that wait. */
  end(): void
  close(): Promise<void>
}

const behaviour = {
  client: {
    // Answers have one shape, also those of old servers.
    protocol: 2,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: true,
  },
  cluster: { clusterRetryStrategy: () => null },
  askSentinelsAgain: () => null,
} as const

/** Connects both. Rejects with a fault of the queue. */
export async function openRedisLink(opener: RedisOpener): Promise<RedisLink> {
  const made: RedisClient[] = []
  let isLost = false
  const end = () => {
    isLost = true
    for (const client of made) client.disconnect()
  }
  const connected = async () => {
    const client = await opener.connect(behaviour)
    made.push(client)
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

async function idOf(client: RedisClient): Promise<number | undefined> {
  if ('nodes' in client) return undefined
  const id = await client.call('CLIENT', 'ID')
  return typeof id === 'number' ? id : undefined
}
