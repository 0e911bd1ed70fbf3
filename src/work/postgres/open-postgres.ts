/** Makes all clients of PostgreSQL. By pg, an optional package. */
import type { Client, ClientConfig, Pool, PoolClient } from 'pg'
import { messageOf } from '../../index.js'
import { loadClient } from '../queues/client-package.js'

/** Makes clients of one address. */
export interface PostgresOpener {
  /** Makes a pool that connects with its first statement. A connection that breaks while nobody uses it is not told: the next statement tells. */
  pool(connections: number): Pool
  /** Makes a connection of its own. */
  client(): Client
}

/** Options of an opener. */
export interface PostgresOpenerOptions {
  /** Name of the driver that needs the package. */
  readonly driver: string
  /** Address; what is absent comes from the variables PGHOST, PGUSER and so on. */
  readonly address: Pick<
    ClientConfig,
    'connectionString' | 'host' | 'port' | 'database' | 'user' | 'password' | 'ssl'
  >
  /** Longest wait for the answer to a statement. */
  readonly statementMs: number
}

const connectMsMax = 10_000
const idleMsMax = 30_000

/** Loads pg; connects to nothing. Rejects with RR_DRIVER_PACKAGE. */
export async function postgresOpener(options: PostgresOpenerOptions): Promise<PostgresOpener> {
  const { driver, address, statementMs } = options
  const { default: pg } = await loadClient({ packages: ['pg'], driver, load: () => import('pg') })
  const keys = {
    ...address,
    application_name: 'relayrunner',
    connectionTimeoutMillis: connectMsMax,
    query_timeout: statementMs,
    keepAlive: true,
  }
  return {
    pool: (connections) => {
      const pool = new pg.Pool({ ...keys, max: connections, idleTimeoutMillis: idleMsMax })
      pool.on('error', ignore)
      return pool
    },
    client: () => new pg.Client(keys),
  }
}

/** Runs statements in one transaction. One that fails goes with its connection. */
export async function inPostgresTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  // A connection that breaks between two statements: the next one tells. Without a listener it would end the process.
  client.on('error', ignore)
  let fault: Error | undefined
  try {
    await client.query('BEGIN')
    const made = await work(client)
    await client.query('COMMIT')
    return made
  } catch (error) {
    fault = error instanceof Error ? error : new Error(messageOf(error))
    throw error
  } finally {
    client.off('error', ignore)
    client.release(fault)
  }
}

function ignore(): void {}
