/** Faults of a database and its client → faults of a queue's server, with what to do. Pure. */
import { messageOf, RelayError } from '../../index.js'
import { maskedAddress, queueFault } from '../../work/queues/queue-fault.js'

/** Place of a table, as messages name it. */
export interface SqlPlace {
  readonly url: string
  readonly table: string
}

const wrongUser = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_NOT_SUPPORTED_AUTH_MODE',
  '28P01',
  '28000',
])
const notAllowed = new Set(['ER_TABLEACCESS_DENIED_ERROR', 'ER_COLUMNACCESS_DENIED_ERROR', '42501'])
const noDatabase = new Set(['ER_BAD_DB_ERROR', '3D000'])
const noTable = new Set(['ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR', '42P01', '42703', '3F000'])
/** Faults of one statement: sending it again would not help. */
const ownFaults =
  /^(ER_(PARSE|DATA|TRUNCATED|WARN_DATA|BAD_NULL|DUP|NO_DEFAULT|NET_PACKET_TOO_LARGE)|(22|23|42|0A)...$)/

/** Returns the fault of the queue behind an error; the error itself where it is a fault of one statement, or one of ours. */
export function sqlFault(error: unknown, { url, table }: SqlPlace): unknown {
  if (error instanceof RelayError) return error
  const code = codeOf(error) ?? ''
  const what = (text: string) => `the database at ${maskedAddress(url)} ${text}: ${messageOf(error) || code}`
  if (wrongUser.has(code))
    return queueFault({
      kind: 'denied',
      what: what('refused the credentials'),
      hint: 'Correct user and password in `url`; those of the application are DB_USERNAME and DB_PASSWORD.',
      cause: error,
    })
  if (notAllowed.has(code))
    return queueFault({
      kind: 'denied',
      what: what('refused a permission'),
      hint: `Grant the user SELECT, INSERT, UPDATE and DELETE on ${table}.`,
      cause: error,
    })
  if (noDatabase.has(code))
    return queueFault({
      kind: 'missing',
      what: what('has no such database'),
      hint: 'Correct `url`; the application’s is DB_DATABASE.',
      cause: error,
    })
  if (noTable.has(code))
    return queueFault({
      kind: 'missing',
      what: what(`has no table ${table} of Laravel’s jobs`),
      hint: 'Make it (`php artisan queue:table && php artisan migrate`), or correct `table`.',
      cause: error,
    })
  if (ownFaults.test(code)) return error
  return queueFault({
    kind: 'unreachable',
    what: what('cannot be reached'),
    hint: 'Start it, or correct `url`.',
    cause: error,
  })
}

/** Code of MySQL's client, SQLSTATE of PostgreSQL, or the code of a system call. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
