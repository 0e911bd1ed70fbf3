/**
 * Locks in a Redis that several servers share, in one fair line for each resource. A server's own callers ask for a lock by scripts, again when
 * Redis says that it was released, when a holder's time ends, and from time to time, by which they show that they are still there.
 */
import { type Clock, type Logger, messageOf, onAbort, type Timer } from '../../index.js'
import { type RedisClient, type RedisOpener, redisOpener } from '../../work/redis/open-redis.js'
import type { LockTable, LockWish } from './lock-table.js'
import { acquireLock, extendLock, leaveLine, lockExists, releaseAll, releaseLock } from './redis-scripts.js'
import { type RedisLockKeys, redisLockDefaults } from './section.js'
import { WakeLine } from './wake-line.js'

/** Options of the locks. */
export interface RedisLocksOptions {
  readonly opener: RedisOpener
  readonly prefix: string
  readonly leaseMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Identifies this server among those that share the locks. */
  readonly owner: string
}

/** Ms after which a caller that no longer asks has left the line: its server died. */
const aliveMs = 5000
const askAgainMs = 1500
const commandMs = 3000
const waitersMax = 10_000
const reconnectMsMax = 1000
/** About a year, for a time beyond which numbers lose their digits. */
const ttlMsMax = 365 * 24 * 3_600_000

const behaviour = {
  client: {
    enableAutoPipelining: true,
    maxRetriesPerRequest: 1,
    commandTimeout: commandMs,
    retryStrategy: (tries: number) => Math.min(50 * 2 ** Math.min(tries, 10), reconnectMsMax),
  },
} as const

interface Lease {
  readonly resource: string
  readonly id: string
}

/** Opens the locks; connects without waiting. Rejects with RR_DRIVER_PACKAGE without ioredis, and for a file of `tls` that cannot be read. */
export async function openRedisLocks(
  config: RedisLockKeys | undefined,
  more: Pick<RedisLocksOptions, 'clock' | 'log' | 'owner'>,
): Promise<RedisLocks> {
  const keys = config ?? redisLockDefaults()
  const opener = await redisOpener({ address: keys, user: 'lock', keys: 'the section `lock`' })
  return new RedisLocks({ ...more, opener, prefix: keys.prefix, leaseMs: keys.lease })
}

/** The locks of all servers with one Redis and one prefix. */
export class RedisLocks implements LockTable {
  readonly #options: RedisLocksOptions
  readonly #commands: RedisClient
  readonly #news: RedisClient
  readonly #line = new WakeLine()
  /** Locks without a time of their own, which this server extends. */
  readonly #leases = new Map<string, Lease>()
  readonly #closing = new AbortController()
  #timer: Timer | undefined
  #count = 0

  constructor(options: RedisLocksOptions) {
    const { opener } = options
    this.#options = options
    this.#commands = opener.client(behaviour)
    this.#news = opener.client(behaviour)
    this.#tellOfConnection()
    this.#news.on('message', (_channel: string, resource: string) => this.#line.wake(resource))
    this.#news.on('ready', () => void this.#subscribe())
    for (const client of [this.#commands, this.#news]) client.connect().catch(() => undefined)
    this.#extendLater()
  }

  async acquire(wish: LockWish): Promise<boolean> {
    const { clock, owner } = this.#options
    if (wish.signal.aborted || this.#closing.signal.aborted) return false
    if (wish.waitMs > 0 && this.#line.size >= waitersMax)
      throw new Error(`${waitersMax} callers wait for locks already`)
    this.#count += 1
    const token = `${owner}-${this.#count}`
    const endMs = clock.monotonicMs() + wish.waitMs
    const place = this.#line.enter(wish.resource)
    const undos = [
      onAbort(wish.signal, () => place.leave()),
      onAbort(this.#closing.signal, () => place.leave()),
    ]
    let fault: unknown
    try {
      for (;;) {
        let nextMs = askAgainMs
        fault = undefined
        try {
          const answer = await this.#ask(wish, token)
          if (answer === 1) return await this.#keep(wish, token)
          nextMs = Math.min(askAgainMs, answer === -1 ? askAgainMs : -answer)
        } catch (error) {
          // A Redis that is away may be back within the wait.
          fault = error
        }
        const leftMs = endMs - clock.monotonicMs()
        if (leftMs <= 0 || place.hasLeft) break
        await place.woken(clock, Math.min(nextMs, leftMs))
        if (place.hasLeft || clock.monotonicMs() >= endMs) break
      }
      if (wish.waitMs > 0) await this.#leave(wish, token)
      if (fault !== undefined && !place.hasLeft) throw fault
      return false
    } finally {
      for (const undo of undos) undo()
      place.leave()
    }
  }

  async release(resource: string, id: string): Promise<boolean> {
    this.#leases.delete(keyOf({ resource, id }))
    return this.#isYes(releaseLock, resource, [id, '', this.#channel, resource])
  }

  async forceRelease(resource: string): Promise<boolean> {
    for (const [key, lease] of this.#leases) if (lease.resource === resource) this.#leases.delete(key)
    return this.#isYes(releaseAll, resource, [this.#channel, resource])
  }

  exists(resource: string, id: string): Promise<boolean> {
    return this.#isYes(lockExists, resource, [id])
  }

  async updateTtl(resource: string, id: string, ttlMs: number): Promise<boolean> {
    const args = [id, this.#msOf(ttlMs), this.#ownerOf(ttlMs), '*']
    const isHeld = await this.#isYes(extendLock, resource, args)
    if (isHeld && ttlMs === 0) this.#leases.set(keyOf({ resource, id }), { resource, id })
    else this.#leases.delete(keyOf({ resource, id }))
    return isHeld
  }

  /** Ends all waits, and releases what is held until the server ends. */
  async close(): Promise<void> {
    this.#timer?.clear()
    this.#closing.abort()
    const leases = [...this.#leases.values()]
    await Promise.all(leases.map(({ resource, id }) => this.release(resource, id).catch(() => false)))
    await this.#line.whenEmpty()
    this.#commands.disconnect()
    this.#news.disconnect()
  }

  get #channel(): string {
    return `${this.#options.prefix}released`
  }

  #ask({ resource, id, kind, ttlMs, waitMs }: LockWish, token: string): Promise<number> {
    const end = [this.#msOf(ttlMs), this.#ownerOf(ttlMs), token]
    const args = [letterOf(kind), id, ...end, waitMs > 0 ? aliveMs : 0, this.#channel, resource]
    return this.#run(acquireLock, resource, args)
  }

  /** Gives back a lock of a caller that has gone meanwhile. */
  async #keep({ resource, id, ttlMs, signal }: LockWish, token: string): Promise<boolean> {
    if (signal.aborted || this.#closing.signal.aborted) {
      await this.#isYes(releaseLock, resource, [id, token, this.#channel, resource])
      return false
    }
    if (ttlMs === 0) this.#leases.set(keyOf({ resource, id }), { resource, id })
    else this.#leases.delete(keyOf({ resource, id }))
    return true
  }

  /** Without Redis the place in line ends by itself. */
  async #leave({ resource, kind }: LockWish, token: string): Promise<void> {
    await this.#run(leaveLine, resource, [letterOf(kind), token, this.#channel, resource]).catch(() => 0)
  }

  async #isYes(script: string, resource: string, args: readonly (string | number)[]): Promise<boolean> {
    return (await this.#run(script, resource, args)) === 1
  }

  async #run(script: string, resource: string, args: readonly (string | number)[]): Promise<number> {
    const { opener, prefix } = this.#options
    // The braces keep the keys on one node of a cluster; the letter, so that they are never empty.
    const keys = ['holders', 'line', 'alive'].map((name) => `${prefix}{r${resource}}:${name}`)
    try {
      return Number(await this.#commands.eval(script, keys.length, ...keys, ...args))
    } catch (error) {
      throw opener.fault(error, `lock "${resource}"`)
    }
  }

  #msOf(ttlMs: number): number {
    return ttlMs === 0 ? this.#options.leaseMs : Math.min(ttlMs, ttlMsMax)
  }

  #ownerOf(ttlMs: number): string {
    return ttlMs === 0 ? this.#options.owner : ''
  }

  #extendLater(): void {
    const { clock, leaseMs } = this.#options
    this.#timer = clock.timer(leaseMs / 3, () => void this.#extend(), { unref: true })
  }

  async #extend(): Promise<void> {
    const { leaseMs, owner, log } = this.#options
    const extended = [...this.#leases].map(async ([key, lease]) => {
      const isHeld = await this.#isYes(extendLock, lease.resource, [lease.id, leaseMs, owner, owner])
      if (isHeld || this.#leases.get(key) !== lease) return
      this.#leases.delete(key)
      log.warn(
        { resource: lease.resource, id: lease.id },
        'a lock is no longer held: another server released it, or Redis lost it',
      )
    })
    // A Redis that is away is told of once, by its connection.
    await Promise.allSettled(extended)
    if (!this.#closing.signal.aborted) this.#extendLater()
  }

  /** Without news callers still ask from time to time. */
  async #subscribe(): Promise<void> {
    await this.#news.subscribe(this.#channel).catch(() => undefined)
    // What was said while the connection was lost is not said again.
    this.#line.wakeAll()
  }

  #tellOfConnection(): void {
    const { log, opener } = this.#options
    let isLost = false
    this.#news.on('error', () => undefined)
    this.#commands.on('error', (error: unknown) => {
      if (!isLost)
        log.warn({ error: messageOf(error), redis: opener.place }, 'locks: redis cannot be reached')
      isLost = true
    })
    this.#commands.on('ready', () => {
      if (isLost) log.info({ redis: opener.place }, 'locks: redis is reached again')
      isLost = false
    })
  }
}

function letterOf(kind: LockWish['kind']): 'r' | 'w' {
  return kind === 'read' ? 'r' : 'w'
}

function keyOf({ resource, id }: Lease): string {
  return JSON.stringify([resource, id])
}
