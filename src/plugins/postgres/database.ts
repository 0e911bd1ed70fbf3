/** The database of all pipelines: connections, the table, and the connection that listens for new jobs. */
import type { Client, Pool, QueryResultRow } from 'pg'
import type { Clock, Logger } from '../../index.js'
import {
  inPostgresTransaction,
  type PostgresOpener,
  postgresOpener,
} from '../../work/postgres/open-postgres.js'
import { isQueueFault, maskedAddress, queueFault } from '../../work/queues/queue-fault.js'
import { Bells } from './bell.js'
import { databaseFault, isTableMissing } from './fault.js'
import type { PostgresSettings } from './part.js'
import {
  createSql,
  type Statements,
  schemaVersion,
  statementsOf,
  type TableNames,
  tableComment,
  tableNames,
} from './schema.js'

/** Options of a database. */
export interface DatabaseOptions {
  readonly settings: PostgresSettings
  readonly clock: Clock
  readonly log: Logger
}

const queryMsMax = 15_000
/** Ms until a lost connection that listens is made again; meanwhile tables are looked at every `poll_interval`. */
const listenAgainMs = 1000

/** A database. */
export class Database {
  readonly statements: Statements
  readonly names: TableNames
  readonly bells = new Bells()
  readonly #options: DatabaseOptions
  readonly #opener: PostgresOpener
  readonly #pool: Pool
  #isReady = false
  #making: Promise<void> | undefined
  #listener: Promise<Client | undefined> | undefined
  #listenAfterMs = 0
  #isClosed = false

  private constructor(opener: PostgresOpener, options: DatabaseOptions) {
    const { settings } = options
    this.#options = options
    this.#opener = opener
    this.names = tableNames(settings.table)
    this.statements = statementsOf(this.names)
    this.#pool = opener.pool(settings.connections)
  }

  /** Loads the client; connects to nothing. Rejects with RR_DRIVER_PACKAGE. */
  static async load(options: DatabaseOptions): Promise<Database> {
    const { url } = options.settings
    const opener = await postgresOpener({
      driver: 'postgres',
      address: url === undefined ? {} : { connectionString: url },
      statementMs: queryMsMax,
    })
    return new Database(opener, options)
  }

  /** Runs a statement once the table is there. Rejects with a fault of the queue. */
  async ask<R extends QueryResultRow>(text: string, values: readonly unknown[]): Promise<readonly R[]> {
    try {
      await this.ready()
      return (await this.#pool.query<R>(text, [...values])).rows
    } catch (error) {
      throw this.#fault(error)
    }
  }

  /** Runs statements in one transaction. Rejects with a fault of the queue. */
  async transaction(
    statements: readonly (readonly [text: string, values: readonly unknown[]])[],
  ): Promise<void> {
    try {
      await this.ready()
      await inPostgresTransaction(this.#pool, async (client) => {
        for (const [text, values] of statements) await client.query(text, [...values])
      })
    } catch (error) {
      throw this.#fault(error)
    }
  }

  /** Resolves when the table is there in the right version. Rejects with a fault of the queue. */
  async ready(): Promise<void> {
    if (this.#isReady) return
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    await this.#making
  }

  /** Listens for new jobs, if it does not. Never rejects: without, the table is looked at from time to time. */
  async listen(): Promise<void> {
    if (this.#listener === undefined) {
      const nowMs = this.#options.clock.monotonicMs()
      if (this.#isClosed || nowMs < this.#listenAfterMs) return
      this.#listenAfterMs = nowMs + listenAgainMs
      this.#listener = this.#openListener()
    }
    await this.#listener
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    this.#isClosed = true
    const listener = await this.#listener
    await Promise.all([this.#pool.end(), listener?.end()])
  }

  async #make(): Promise<void> {
    const { table } = this.#options.settings
    try {
      const { rows } = await this.#pool.query<{ name: string | null; comment: string | null }>(
        this.statements.version,
        [this.names.table],
      )
      const [found] = rows
      if (found?.comment === tableComment(schemaVersion)) this.#isReady = true
      else if (found?.name != null && found.comment?.startsWith('relayrunner jobs,') !== true)
        throw queueFault({
          kind: 'missing',
          what: `the table ${table} at ${this.#address} is not one of jobs`,
          hint: 'Name another one in `postgres.table`.',
        })
      else await this.#create()
    } catch (error) {
      throw this.#fault(error)
    }
  }

  async #create(): Promise<void> {
    const { settings, log } = this.#options
    const sql = createSql(this.names)
    const { table } = settings
    if (!settings.create_table) {
      log.warn({ table, sql }, 'a table of jobs is missing: run this SQL')
      throw queueFault({
        kind: 'missing',
        what: `PostgreSQL at ${this.#address} has no table ${table} of version ${schemaVersion}`,
        hint: 'Run the SQL of the log, or set `postgres.create_table: true`.',
      })
    }
    // Of servers that start together one creates it; the others wait and find it.
    const lock = `SELECT pg_advisory_xact_lock(hashtextextended('relayrunner ${table}', 0));`
    await this.#pool.query(`BEGIN; ${lock} ${sql} COMMIT;`)
    this.#isReady = true
    log.info({ table, version: schemaVersion }, 'the table of jobs is created')
  }

  async #openListener(): Promise<Client | undefined> {
    const client = this.#opener.client()
    const lost = () => {
      this.#listener = undefined
      // What waits looks again, and listens anew.
      this.bells.ring()
    }
    client.on('error', lost)
    client.on('end', lost)
    client.on('notification', ({ payload }) => this.bells.ring(payload))
    try {
      await client.connect()
      await client.query(`LISTEN ${JSON.stringify(this.names.channel)}`)
      return client
    } catch {
      this.#listener = undefined
      await client.end().catch(() => undefined)
      return undefined
    }
  }

  #fault(error: unknown): unknown {
    if (isQueueFault(error)) return error
    if (isTableMissing(error)) this.#isReady = false
    return databaseFault(error, { address: this.#address, table: this.#options.settings.table })
  }

  get #address(): string {
    const { url } = this.#options.settings
    return url === undefined ? 'the address of PGHOST' : maskedAddress(url)
  }
}
