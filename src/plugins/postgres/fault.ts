/** Faults of PostgreSQL and of its client → faults of a queue's server, with what to do. Pure. */
import { messageOf } from '../../index.js'
import { queueFault } from '../../work/queues/queue-fault.js'

/** Place of the database and its table, as they are shown. */
export interface DatabasePlace {
  readonly address: string
  readonly table: string
}

/** Faults of one statement that are not of the server: sending it again would not help. */
const ownClasses = /^(22|23|42|0A)/

/** Returns the fault of the queue behind an error; the error itself where it is a fault of one statement. */
export function databaseFault(error: unknown, { address, table }: DatabasePlace): unknown {
  const code = codeOf(error)
  const what = (text: string) => `PostgreSQL at ${address} ${text}: ${messageOf(error)}`
  if (code === '28P01' || code === '28000')
    return queueFault({
      kind: 'denied',
      what: what('refused the credentials'),
      hint: 'Correct user and password in `postgres.url`, or the variables PGUSER and PGPASSWORD.',
      cause: error,
    })
  if (code === '42501')
    return queueFault({
      kind: 'denied',
      what: what('refused a permission'),
      hint: `Grant the user SELECT, INSERT, UPDATE and DELETE on ${table} and USAGE of its sequence, and CREATE on the schema where it is to create the table.`,
      cause: error,
    })
  if (code === '3D000')
    return queueFault({
      kind: 'missing',
      what: what('has no such database'),
      hint: 'Create it (`createdb NAME`), or correct `postgres.url`.',
      cause: error,
    })
  if (isTableMissing(error))
    return queueFault({
      kind: 'missing',
      what: what(`has no table ${table} of this version`),
      hint: 'With `postgres.create_table` it is created; else run the SQL of the log.',
      cause: error,
    })
  if (code !== undefined && ownClasses.test(code)) return error
  return queueFault({
    kind: 'unreachable',
    what: what('cannot be reached'),
    hint: 'Start it, or correct `postgres.url`.',
    cause: error,
  })
}

/** True when the table or a column of it is not there. */
export function isTableMissing(error: unknown): boolean {
  const code = codeOf(error)
  return code === '42P01' || code === '42703' || code === '3F000'
}

/** SQLSTATE, or the code of a system call. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
