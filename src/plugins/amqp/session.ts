/**
 * One life of a connection to RabbitMQ: its channels, and why it ended. Whatever ends a channel ends the session: the next one declares
 * everything again. Knows nothing of jobs.
 */
import type { Channel, ChannelModel, ConfirmChannel, SocketOptions } from 'amqplib'
import type { Logger } from '../../index.js'

type Amqplib = typeof import('amqplib')

/** Options of a session. */
export interface SessionOptions {
  readonly amqplib: Amqplib
  readonly addr: string
  readonly socket: SocketOptions
  /** Prepares a fresh channel: exchanges, queues. */
  readonly declare: (channel: Channel) => Promise<void>
  /** Turns an error of the client into a fault. */
  readonly faultOf: (error: unknown) => Error
  readonly log: Logger
  readonly about: Readonly<Record<string, string>>
}

// RabbitMQ proposes 60 s; a peer that is gone without a word is found after two of them.
const heartbeatSeconds = 15
const connectMsMax = 10_000

/** A session. */
export class AmqpSession {
  /** Deliveries and their acknowledgements. */
  readonly deliveries: Channel
  /** Publishing, with confirms. */
  readonly publishing: ConfirmChannel
  readonly #connection: ChannelModel
  readonly #options: SessionOptions
  #listeners: ((fault: Error) => void)[] = []
  #fault: Error | undefined
  #isClosing = false

  private constructor(
    connection: ChannelModel,
    channels: readonly [Channel, ConfirmChannel],
    options: SessionOptions,
  ) {
    this.#connection = connection
    this.#options = options
    const [deliveries, publishing] = channels
    this.deliveries = deliveries
    this.publishing = publishing
  }

  /** Connects and declares. Rejects with a fault. */
  static async open(options: SessionOptions): Promise<AmqpSession> {
    const { amqplib, addr, socket, declare, faultOf } = options
    let connection: ChannelModel | undefined
    let early: unknown
    try {
      connection = await amqplib.connect(withHeartbeat(addr), { timeout: connectMsMax, ...socket })
      connection.on('error', (error) => {
        early = error
      })
      const deliveries = await connection.createChannel()
      const publishing = await connection.createConfirmChannel()
      for (const channel of [deliveries, publishing])
        channel.on('error', (error) => {
          early ??= error
        })
      const session = new AmqpSession(connection, [deliveries, publishing], options)
      session.#watch()
      await declare(deliveries)
      if (session.#fault !== undefined) throw session.#fault
      return session
    } catch (error) {
      await connection?.close().catch(() => undefined)
      throw faultOf(early ?? error)
    }
  }

  /** Why it ended; undefined while it lives. */
  get fault(): Error | undefined {
    return this.#fault
  }

  /** Calls `listener` when the session ends against our will; at once when it has. Returns what undoes it. */
  onLost(listener: (fault: Error) => void): () => void {
    if (this.#fault !== undefined) {
      listener(this.#fault)
      return () => undefined
    }
    this.#listeners.push(listener)
    return () => {
      this.#listeners = this.#listeners.filter((one) => one !== listener)
    }
  }

  /** Ends it: what was delivered on it comes again. */
  end(error: unknown): void {
    if (this.#fault !== undefined || this.#isClosing) return
    this.#fault = this.#options.faultOf(error)
    const listeners = this.#listeners
    this.#listeners = []
    for (const tell of listeners) tell(this.#fault)
    void this.#connection.close().catch(() => undefined)
  }

  /** Runs calls on a channel of their own, which a refusal may end. Rejects with the client's error. */
  async aside<T>(use: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
    const channel = await this.#connection.createConfirmChannel()
    let fault: unknown
    channel.on('error', (error) => {
      fault = error
    })
    try {
      const result = await use(channel)
      await channel.close()
      return result
    } catch (error) {
      if (fault === undefined) await channel.close().catch(() => undefined)
      throw fault ?? error
    }
  }

  /** Closes the channels, so that all that was told on them is heard, and then the connection. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#fault !== undefined) return
    for (const channel of [this.deliveries, this.publishing]) await channel.close().catch(() => undefined)
    await this.#connection.close().catch(() => undefined)
  }

  #watch(): void {
    const { log, about } = this.#options
    let reason: unknown
    const end = (error: unknown) => this.end(reason ?? error ?? new Error('the connection was closed'))
    this.#connection.on('error', (error) => {
      reason ??= error
      end(error)
    })
    this.#connection.on('close', end)
    this.#connection.on('blocked', (why: string) =>
      log.warn({ ...about, why }, 'RabbitMQ takes no messages for now'),
    )
    this.#connection.on('unblocked', () => log.info(about, 'RabbitMQ takes messages again'))
    for (const channel of [this.deliveries, this.publishing]) {
      channel.on('error', end)
      channel.on('close', () => end(new Error('the channel was closed')))
    }
  }
}

function withHeartbeat(addr: string): string {
  const url = new URL(addr)
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(heartbeatSeconds))
  return url.href
}
