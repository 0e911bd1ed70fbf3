/** Faults of Redis in the words of an operator: what happened, where, and what to do. Pure. */
import { messageOf, RelayError } from '../../index.js'
import { queueFault } from '../queues/queue-fault.js'

/** Place of a call that failed. */
export interface RedisCallPlace {
  /** Address, without secrets. */
  readonly place: string
  /** Place of its keys: `the section \`redis\``. */
  readonly keys: string
  /** Subject of the call: `stream "orders"`. */
  readonly subject?: string | undefined
}

/** Makes the fault of an error of the client. Faults of ours are returned as they are. */
export function redisFault(error: unknown, at: RedisCallPlace): RelayError {
  if (error instanceof RelayError) return error
  const why = messageOf(error)
  const where = at.subject === undefined ? `Redis at ${at.place}` : `${at.subject} of Redis at ${at.place}`
  const { says, ...advice } = adviceOn(why, at)
  return queueFault({ ...advice, what: `${where} ${says}: ${why}`, cause: error })
}

function adviceOn(why: string, { place, keys }: RedisCallPlace) {
  const refused = { kind: 'denied', says: 'refused' } as const
  if (
    /WRONGPASS|NOAUTH|ERR AUTH|ERR invalid password|invalid username|without any password configured/.test(
      why,
    )
  )
    return { ...refused, hint: `Correct \`username\` and \`password\` (or \`url\`) of ${keys}.` }
  if (/NOPERM/.test(why))
    return { ...refused, hint: 'Give the user these commands and the keys `rr:*` with `ACL SETUSER`.' }
  if (/WRONGTYPE/.test(why))
    return {
      ...refused,
      hint: 'A key of that name holds something else: use another name, or another database.',
    }
  if (/unknown command/i.test(why))
    return { ...refused, hint: `${keys} needs Redis 6.2, Valkey 7.2 or newer.` }
  const away = { kind: 'unreachable', says: 'cannot be reached' } as const
  if (/READONLY/.test(why))
    return {
      ...away,
      says: 'takes no writes',
      hint: 'It is a replica: name the master, or its sentinels with `master_name`.',
    }
  if (/certificate|self.signed|SSL|TLS|secure/i.test(why))
    return {
      ...away,
      hint: `Correct \`tls\` (or \`url\`) of ${keys}; the server at ${place} must speak TLS.`,
    }
  return { ...away, hint: `Start Redis, or correct the address of ${keys} (${place}).` }
}
