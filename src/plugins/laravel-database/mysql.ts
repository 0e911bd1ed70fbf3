/** MySQL and MariaDB. The home of `mysql2`. */
import type { Pool, PoolConnection } from 'mysql2/promise'
import { isObject } from '../../index.js'
import { loadClient } from '../../work/queues/client-package.js'
import type { DatabaseAddress } from './address.js'
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

/** Connects. Rejects with RR_DRIVER_PACKAGE without `mysql2`, and with a queue's fault when the database cannot be reached. */
export async function openMysql(options: OpenOptions): Promise<SqlDatabase> {
  const client = await loadClient({
    packages: ['mysql2'],
    driver: 'laravel-database',
    load: () => import('mysql2/promise'),
  })
  const pool = client.createPool(await keysOf(options.address, options.connections))
  pool.pool.on('connection', (connection) => {
    // The first statements of each connection. Values are escaped with backslashes, and what is only looked at is not locked for long.
    connection.query(
      "SET SESSION sql_mode = REPLACE(REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', ''), 'ANSI_QUOTES', '')",
      () => undefined,
    )
    connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', () => undefined)
  })
  const fault = (error: unknown) => sqlFault(error, options)
  const ask: Ask = async (text, values = []) => {
    try {
      return await rowsOf(pool, text, values)
    } catch (error) {
      throw fault(error)
    }
  }
  try {
    const [row] = await ask('SELECT VERSION() AS version')
    return {
      popLock: popLockOf('mysql', String(row?.version)),
      typeOfAttempts: (table) => [`SHOW COLUMNS FROM ${quote(table)} LIKE 'attempts'`, []],
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

async function keysOf(address: DatabaseAddress, connections: number) {
  const { host, port, user, password, database } = address
  const ssl = await tlsOf(address)
  return {
    host,
    port,
    database,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
    charset: 'utf8mb4',
    connectionLimit: connections,
    connectTimeout: connectMsMax,
    enableKeepAlive: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
  }
}

/** A transaction that fails goes with its connection. */
async function inTransaction<T>(pool: Pool, work: (ask: Ask) => Promise<T>): Promise<T> {
  const connection = await pool.getConnection()
  try {
    await connection.query('START TRANSACTION')
    const made = await work((text, values = []) => rowsOf(connection, text, values))
    await connection.query('COMMIT')
    connection.release()
    return made
  } catch (error) {
    connection.destroy()
    throw error
  }
}

async function rowsOf(
  place: Pool | PoolConnection,
  sql: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  const [rows] = await place.query({ sql, values: [...values], timeout: statementMsMax })
  return (Array.isArray(rows) ? rows : []).flatMap((row: unknown) => (isObject(row) ? [row] : []))
}

function quote(name: string): string {
  return name
    .split('.')
    .map((part) => `\`${part}\``)
    .join('.')
}

function isDeadlock(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ER_LOCK_DEADLOCK' || code === 'ER_LOCK_WAIT_TIMEOUT' || code === 'ER_CHECKREAD'
}
