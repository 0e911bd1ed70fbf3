/** PostgreSQL, through `pg`. */
import type { Pool, PoolClient } from 'pg'
import { messageOf } from '../../index.js'
import { loadClient } from '../../work/queues/client-package.js'
import {
  type Ask,
  connectMsMax,
  type OpenOptions,
  type Row,
  type SqlDatabase,
  statementMsMax,
  tlsOf,
  untilNoDeadlock,
} from './database.js'
import { codeOf, sqlFault } from './fault.js'
import { popLockOf } from './pop-lock.js'

/** Connects. Rejects with RR_DRIVER_PACKAGE without `pg`, and with a queue's fault when the database cannot be reached. */
export async function openPostgres(options: OpenOptions): Promise<SqlDatabase> {
  const { default: pg } = await loadClient({
    packages: ['pg'],
    driver: 'laravel-database',
    load: () => import('pg'),
  })
  const { host, port, user, password, database } = options.address
  const ssl = await tlsOf(options.address)
  const pool = new pg.Pool({
    host,
    port,
    database,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
    application_name: 'relayrunner',
    connectionTimeoutMillis: connectMsMax,
    query_timeout: statementMsMax,
    keepAlive: true,
    max: options.connections,
  })
  // A connection that breaks while nobody uses it: the next statement tells.
  pool.on('error', () => undefined)
  const fault = (error: unknown) => sqlFault(error, options)
  const ask: Ask = async (text, values = []) => {
    try {
      return await rowsOf(pool, text, values)
    } catch (error) {
      throw fault(error)
    }
  }
  try {
    const [row] = await ask('SHOW server_version')
    return {
      popLock: popLockOf('postgres', String(row?.server_version)),
      typeOfAttempts: (table) => [
        'SELECT format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = to_regclass(?) AND attname = ?',
        [quote(table), 'attempts'],
      ],
      quote,
      ask,
      transaction: async (work) => {
        try {
          return await untilNoDeadlock(() => inTransaction(pool, work), isDeadlock)
        } catch (error) {
          throw fault(error)
        }
      },
      close: () => pool.end(),
    }
  } catch (error) {
    await pool.end()
    throw error
  }
}

/** A transaction that fails goes with its connection. */
async function inTransaction<T>(pool: Pool, work: (ask: Ask) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  // A connection that breaks between two statements: the next one tells. Without a listener it would end the process.
  const ignore = () => undefined
  client.on('error', ignore)
  try {
    await client.query('BEGIN')
    const made = await work((text, values = []) => rowsOf(client, text, values))
    await client.query('COMMIT')
    client.release()
    return made
  } catch (error) {
    client.release(error instanceof Error ? error : new Error(messageOf(error)))
    throw error
  } finally {
    client.off('error', ignore)
  }
}

async function rowsOf(
  place: Pool | PoolClient,
  text: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  let count = 0
  const numbered = text.replace(/\?/g, () => {
    count += 1
    return `$${count}`
  })
  return (await place.query<Row>(numbered, [...values])).rows
}

function quote(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.')
}

function isDeadlock(error: unknown): boolean {
  const code = codeOf(error)
  return code === '40P01' || code === '40001'
}
