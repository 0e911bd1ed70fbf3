/** The port of a database: statements with `?` for values, and transactions. `mysql.ts` and `postgres.ts` implement it. Types and what both share. */
import { readFile } from 'node:fs/promises'
import type { DatabaseAddress } from './address.js'

/** A row by its columns. Big numbers may come as texts. */
export type Row = Readonly<Record<string, unknown>>

/** Runs a statement; resolves with its rows. */
export type Ask = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

/** A database. All that it does rejects with a fault of a queue, or with a RelayError that names the statement's own fault. */
export interface SqlDatabase {
  /** Ending of a SELECT that takes jobs. */
  readonly popLock: string
  /** Statement for the type of the column `attempts`, as `type`. */
  readonly typeOfAttempts: (table: string) => readonly [text: string, values: readonly unknown[]]
  /** Quotes a name, with or without its schema. */
  quote(name: string): string
  ask: Ask
  /** Runs statements in a transaction, again where the database ended it for a deadlock. */
  transaction<T>(work: (ask: Ask) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Options of a database. */
export interface OpenOptions {
  readonly address: DatabaseAddress
  /** The address as it was given: messages show it without its password. */
  readonly url: string
  readonly table: string
  readonly connections: number
}

/** Ms for which a connection, or the answer to a statement, is waited for. */
export const connectMsMax = 10_000
export const statementMsMax = 20_000

const triesMax = 5

/** Runs a transaction up to five times while `isDeadlock` says that it would succeed by itself. */
export async function untilNoDeadlock<T>(
  run: () => Promise<T>,
  isDeadlock: (error: unknown) => boolean,
): Promise<T> {
  for (let tries = 1; ; tries += 1)
    try {
      return await run()
    } catch (error) {
      if (tries === triesMax || !isDeadlock(error)) throw error
    }
}

/** Options of TLS; undefined for a connection in the clear. */
export async function tlsOf({ ssl, sslCa }: DatabaseAddress) {
  if (ssl === 'disabled') return undefined
  const ca = sslCa === undefined ? {} : { ca: await readFile(sslCa, 'utf8') }
  if (ssl === 'required') return { ...ca, rejectUnauthorized: false }
  return {
    ...ca,
    rejectUnauthorized: true,
    ...(ssl === 'verify_ca' ? { checkServerIdentity: () => undefined } : {}),
  }
}
