/** The connections of a pipeline: one for commands, and one that may wait. */
import type { RelayError } from '../../index.js'
import { redisAddressOf } from '../../work/redis/address.js'
import { type RedisClient, redisOpener } from '../../work/redis/open-redis.js'

/** Ms for which a command is waited for. */
const commandMs = 10_000

const client = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  retryStrategy: (tries: number) => Math.min(200 * 2 ** Math.min(tries, 8), 30_000),
} as const

/** A client that is connected. Its commands reject at once while the connection is lost, which it opens again by itself. */
export interface RedisConnection {
  readonly commands: RedisClient
  /** A second connection, for commands that wait. */
  readonly waiting: RedisClient
  /** Makes the fault of a failed command. */
  fault(error: unknown): RelayError
  close(): void
}

/** Connects. Rejects with RR_DRIVER_PACKAGE without `ioredis`, and with a queue's fault when Redis cannot be reached or refuses. */
export async function connectRedis(url: string, driver: string): Promise<RedisConnection> {
  const opener = await redisOpener({ address: redisAddressOf(url), user: driver, keys: 'the pipeline' })
  const commands = await opener.connect({ client: { ...client, commandTimeout: commandMs } })
  let waiting: RedisClient
  try {
    waiting = await opener.connect({ client })
  } catch (error) {
    commands.disconnect()
    throw error
  }
  return {
    commands,
    waiting,
    fault: (error) => opener.fault(error),
    close: () => {
      commands.disconnect()
      waiting.disconnect()
    },
  }
}
