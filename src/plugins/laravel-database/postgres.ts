/** PostgreSQL, through `pg`. */
import type { Pool, PoolClient } from 'pg'
import { inPostgresTransaction, postgresOpener } from '../../work/postgres/open-postgres.js'
import {
  type Ask,
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
  const { host, port, user, password, database } = options.address
  const ssl = await tlsOf(options.address)
  const opener = await postgresOpener({
    driver: 'laravel-database',
    address: {
      host,
      port,
      database,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
      ...(ssl === undefined ? {} : { ssl }),
    },
    statementMs: statementMsMax,
  })
  const pool = opener.pool(options.connections)
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
          return await untilNoDeadlock(
            () =>
              inPostgresTransaction(pool, (client) =>
                work((text, values = []) => rowsOf(client, text, values)),
              ),
            isDeadlock,
          )
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
