/** The connection to Redis: commands of the driver, with faults that name what to do. */
import type { Redis } from 'ioredis'
import { messageOf, type RelayError } from '../../index.js'
import { loadClient } from './client-package.js'
import { maskedAddress, queueFault } from './queue-fault.js'

/** Ms for which a connection, or a command, is waited for. */
const connectMs = 5000
const commandMs = 10_000

/** A client that is connected. Its commands reject at once while the connection is lost, which it opens again by itself. */
export interface RedisConnection {
  readonly commands: Redis
  /** A second connection, for commands that wait. */
  readonly waiting: Redis
  /** Makes the fault of a failed command. */
  fault(error: unknown): RelayError
  close(): void
}

/** Connects. Rejects with RR_DRIVER_PACKAGE without `ioredis`, and with a queue's fault when Redis cannot be reached or refuses. */
export async function connectRedis(url: string, driver: string): Promise<RedisConnection> {
  const { Redis } = await loadClient({ packages: ['ioredis'], driver, load: () => import('ioredis') })
  const options = {
    lazyConnect: true,
    enableOfflineQueue: false,
    connectTimeout: connectMs,
    maxRetriesPerRequest: 0,
    retryStrategy: (tries: number) => Math.min(200 * 2 ** Math.min(tries, 8), 30_000),
  }
  const commands = new Redis(url, { ...options, commandTimeout: commandMs })
  const waiting = new Redis(url, options)
  let last: unknown
  for (const client of [commands, waiting])
    client.on('error', (error: unknown) => {
      last = error
    })
  const close = () => {
    commands.disconnect()
    waiting.disconnect()
  }
  const fault = (error: unknown) => faultOf(error, last, url)
  try {
    await Promise.all([commands.connect(), waiting.connect()])
  } catch (error) {
    close()
    throw fault(error)
  }
  return { commands, waiting, fault, close }
}

/** `last` is what the connection itself said; a command that could not be sent says less. */
function faultOf(error: unknown, last: unknown, url: string): RelayError {
  const text = messageOf(error)
  const isOffline = /isn't writeable|Connection is closed|Command timed out/.test(text)
  const why = isOffline && last !== undefined ? messageOf(last) : text
  const place = maskedAddress(url)
  if (/NOAUTH|WRONGPASS|NOPERM|invalid password/i.test(why))
    return queueFault({
      kind: 'denied',
      what: `Redis at ${place} refused: ${why}`,
      hint: 'Check user and password of `url`, and what its user may do.',
      cause: error,
    })
  return queueFault({
    kind: 'unreachable',
    what: `Redis at ${place} cannot be reached: ${why}`,
    hint: 'Check that it runs, and `url` of the pipeline.',
    cause: error,
  })
}
