/** The commands of one stream, its group and its two keys beside it, typed. Reconnects with the next call; faults are the queue's. */

import { KeptLink } from '../../work/queues/kept-link.js'
import type { StreamEntry } from './entry.js'
import type { RedisLink } from './redis-link.js'
import { streamLook } from './scripts.js'
import type { RedisFaultOf, StreamKeys } from './stream-keys.js'

/** Options of a stream. */
export interface RedisStreamOptions {
  readonly keys: StreamKeys
  readonly group: string
  readonly consumer: string
  readonly connect: () => Promise<RedisLink>
  readonly faultOf: RedisFaultOf
}

/** Entries that were taken over, each with its count of deliveries. */
export interface LookedAt {
  readonly taken: readonly (readonly [entry: StreamEntry, count: number])[]
  /** Ms until the next delay ends; undefined: there is none. */
  readonly nextMs: number | undefined
  readonly cursor: string
}

/** A stream. */
export class RedisStream {
  readonly #options: RedisStreamOptions
  readonly #link: KeptLink<RedisLink>

  constructor(options: RedisStreamOptions) {
    this.#options = options
    this.#link = new KeptLink({ connect: () => this.#connect(), isLost: ({ isLost }) => isLost })
  }

  /** Connects, and makes the group where it is not there. */
  async open(): Promise<void> {
    await this.#ask(async () => undefined)
  }

  /** Runs one of our scripts. */
  script(
    text: string,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    return this.#ask(({ commands }) => commands.eval(text, keys.length, ...keys, ...args))
  }

  /** Runs a script whose answer has a 1 for each that went well. */
  async flags(
    text: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<readonly boolean[]> {
    const answer = await this.script(text, keys, args)
    return (Array.isArray(answer) ? answer : [answer]).map((one) => one === 1)
  }

  /** Moves what is due, and takes over what is left behind. */
  look(leaseMs: number, want: number, cursor: string): Promise<LookedAt> {
    const { keys, group, consumer } = this.#options
    return this.#ask(async ({ commands }) => {
      const args = [group, consumer, String(leaseMs), String(want), cursor]
      const answer = await commands.callBuffer('EVAL', streamLook, 2, keys.stream, keys.delayed, ...args)
      const [list, nextMs, next] = Object(answer)
      const wait = Number(nextMs)
      return {
        taken: Array.from(list, (one) => {
          const [id, fields, count] = Object(one)
          return [[id, fields], Number(count)] as const
        }),
        nextMs: wait < 0 ? undefined : wait,
        cursor: String(next),
      }
    })
  }

  /** Reads new entries; waits up to `blockMs`. */
  read(count: number, blockMs: number): Promise<readonly StreamEntry[]> {
    const { keys, group, consumer } = this.#options
    return this.#ask(async ({ reader }) => {
      const answer = await reader.callBuffer(
        'XREADGROUP',
        ...['GROUP', group, consumer, 'COUNT', count, 'BLOCK', Math.max(1, Math.ceil(blockMs)), 'STREAMS'],
        keys.stream,
        '>',
      )
      const [first] = Array.isArray(answer) ? answer : []
      const [, entries] = Array.isArray(first) ? first : []
      return Array.isArray(entries) ? entries : []
    })
  }

  /** Ends a wait of `read`. */
  async unblock(): Promise<void> {
    const link = await this.#link.peek()
    link?.unblock()
  }

  /** Adds entries in their order, in one round trip. */
  async add(entries: readonly (readonly (string | Buffer)[])[]): Promise<void> {
    const { stream } = this.#options.keys
    await this.#ask(({ commands }) =>
      Promise.all(entries.map((fields) => commands.call('XADD', stream, '*', ...fields))),
    )
  }

  /** Lists entries of a key, the oldest first. */
  range(key: string, after: string, max: number): Promise<readonly StreamEntry[]> {
    return this.#ask(async ({ commands }) => {
      const answer = await commands.callBuffer(
        'XRANGE',
        key,
        after === '' ? '-' : `(${after}`,
        '+',
        'COUNT',
        max,
      )
      return Array.isArray(answer) ? answer : []
    })
  }

  /** Returns the number of entries in the stream, of those that are delivered, and of delays. */
  numbers(): Promise<readonly [length: number, pending: number, delayed: number]> {
    const { keys, group } = this.#options
    return this.#ask(async ({ commands }) => {
      const [length, pending, delayed] = await Promise.all([
        commands.xlen(keys.stream),
        commands.call('XPENDING', keys.stream, group),
        commands.zcard(keys.delayed),
      ])
      return [length, Number(Array.isArray(pending) ? pending[0] : 0), delayed]
    })
  }

  /** Returns the number of entries of a key. */
  lengthOf(key: string): Promise<number> {
    return this.#ask(({ commands }) => commands.xlen(key))
  }

  /** Leaves the group where nothing of ours is pending any more, and closes. */
  async close(): Promise<void> {
    const link = await this.#link.close()
    if (link === undefined || link.isLost) return
    const { keys, group, consumer } = this.#options
    const left = await link.commands
      .call('XPENDING', keys.stream, group, '-', '+', 1, consumer)
      .catch(() => undefined)
    if (Array.isArray(left) && left.length === 0)
      await link.commands.call('XGROUP', 'DELCONSUMER', keys.stream, group, consumer).catch(() => undefined)
    await link.close()
  }

  async #ask<T>(call: (link: RedisLink) => Promise<T>): Promise<T> {
    const { faultOf } = this.#options
    let link: RedisLink | undefined
    try {
      link = await this.#link.get()
      return await call(link)
    } catch (error) {
      // A group that is gone with its stream is made again with the next connection.
      if (link !== undefined && error instanceof Error && error.message.startsWith('NOGROUP')) link.end()
      throw faultOf(error)
    }
  }

  async #connect(): Promise<RedisLink> {
    const { connect, keys, group } = this.#options
    const link = await connect()
    try {
      await link.commands
        .call('XGROUP', 'CREATE', keys.stream, group, '0', 'MKSTREAM')
        .catch((error: unknown) => {
          if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error
        })
    } catch (error) {
      link.end()
      throw error
    }
    return link
  }
}
