/** The connection of all pipelines to NATS. The client finds the server again by itself; meanwhile calls fail at once. The home of its packages. */
import type { JetStreamManager } from '@nats-io/jetstream'
import type { MsgHdrs, NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node'
import { loadClient } from '../../work/queues/client-package.js'
import { maskedAddress, queueFault } from '../../work/queues/queue-fault.js'
import { natsFault } from './fault.js'

/** The packages, loaded. */
interface Packages {
  readonly transport: typeof import('@nats-io/transport-node')
  readonly jetstream: typeof import('@nats-io/jetstream')
}

/** A live connection. */
export interface NatsLink {
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
  readonly newHeaders: () => MsgHdrs
  readonly newInbox: () => string
  /** Aborts when the connection is lost, or closed. */
  readonly lost: AbortSignal
}

const connectMsMax = 10_000
const againMs = 250

/** A connection that is made when it is needed, and made anew when the client has given it up. */
export class Nats {
  readonly #address: string
  readonly #packages: Packages
  #connection: NatsConnection | undefined
  #connecting: Promise<NatsLink> | undefined
  #lost = new AbortController()

  private constructor(address: string, packages: Packages) {
    this.#address = address
    this.#packages = packages
  }

  /** Loads the packages; connects to nothing. Rejects with RR_DRIVER_PACKAGE. */
  static load(address: string): Promise<Nats> {
    return loadClient({
      packages: ['@nats-io/transport-node', '@nats-io/jetstream'],
      driver: 'nats',
      load: async () => {
        const [transport, jetstream] = await Promise.all([
          import('@nats-io/transport-node'),
          import('@nats-io/jetstream'),
        ])
        return new Nats(address, { transport, jetstream })
      },
    })
  }

  /** Address without secrets. */
  get address(): string {
    return this.#address.split(',').map(maskedAddress).join(',')
  }

  /** Runs a call over the connection. Rejects with a fault of the queue, at once while the connection is lost. */
  async ask<T>(call: (link: NatsLink) => Promise<T>): Promise<T> {
    try {
      const link = await this.#link()
      if (link.lost.aborted)
        throw queueFault({
          kind: 'unreachable',
          what: `the connection to NATS at ${this.address} is lost`,
          hint: 'Start the server, or see its log.',
        })
      return await call(link)
    } catch (error) {
      throw natsFault(error, this.address)
    }
  }

  /** Closes the connection. */
  async close(): Promise<void> {
    await this.#connecting?.catch(() => undefined)
    await this.#connection?.close()
  }

  async #link(): Promise<NatsLink> {
    const link = await this.#opened()
    return { ...link, lost: this.#lost.signal }
  }

  #opened(): Promise<NatsLink> {
    if (this.#connection?.isClosed() === true) this.#connecting = undefined
    this.#connecting ??= this.#open().catch((error: unknown) => {
      this.#connecting = undefined
      throw error
    })
    return this.#connecting
  }

  async #open(): Promise<NatsLink> {
    const { transport, jetstream } = this.#packages
    const connection = await transport.connect(connectionOptions(this.#address))
    this.#connection = connection
    this.#lost = new AbortController()
    void this.#watch(connection)
    try {
      const manager = await jetstream.jetstreamManager(connection)
      const { lost } = { lost: this.#lost.signal }
      return { connection, manager, newHeaders: transport.headers, newInbox: transport.createInbox, lost }
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect' || type === 'close') this.#lost.abort()
      else if (type === 'reconnect') this.#lost = new AbortController()
    }
    this.#lost.abort()
  }
}

/** Options of the client for one address or several, with the user of the first. */
function connectionOptions(address: string): NodeConnectionOptions {
  const places = address.split(',').map((one) => new URL(one.trim().replace(/^(nats|tls):/, 'http:')))
  const { username = '', password = '' } = places[0] ?? {}
  const user = decodeURIComponent(username)
  return {
    servers: places.map(({ hostname, port }) => `${hostname}:${port === '' ? '4222' : port}`),
    name: 'relayrunner',
    timeout: connectMsMax,
    maxReconnectAttempts: -1,
    reconnectTimeWait: againMs,
    reconnectJitter: againMs,
    ...(user === '' ? {} : password === '' ? { token: user } : { user, pass: decodeURIComponent(password) }),
    ...(address.startsWith('tls:') ? { tls: {} } : {}),
  }
}
