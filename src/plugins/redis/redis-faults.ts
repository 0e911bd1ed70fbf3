/** Faults of Redis in the words of an operator: what happened, where, and what to do. Pure. */
import { messageOf, RelayError } from '../../index.js'
import { queueFault } from '../../work/queues/queue-fault.js'

/** Makes the fault of an error of the client; `where` has no secrets. Faults of ours are returned as they are. */
export function redisFault(error: unknown, where: string, stream: string): RelayError {
  if (error instanceof RelayError) return error
  const why = messageOf(error)
  const what = `stream "${stream}" of Redis at ${where}: ${why}`
  return queueFault({ ...adviceOn(why, where), what, cause: error })
}

function adviceOn(why: string, where: string) {
  if (/^(WRONGPASS|NOAUTH|ERR AUTH|ERR invalid password)|without any password configured/.test(why))
    return {
      kind: 'denied',
      hint: 'Correct `username` and `password` (or `url`) of the section `redis`.',
    } as const
  if (why.startsWith('NOPERM'))
    return {
      kind: 'denied',
      hint: 'Give the user these commands and the keys `rr:*` with `ACL SETUSER`.',
    } as const
  if (why.startsWith('WRONGTYPE'))
    return {
      kind: 'denied',
      hint: 'A key of that name is not a stream: use another `queue` or `stream`.',
    } as const
  if (/unknown command/i.test(why))
    return { kind: 'denied', hint: 'The driver `redis` needs Redis 6.2, Valkey 7.2 or newer.' } as const
  if (why.startsWith('READONLY'))
    return {
      kind: 'unreachable',
      hint: 'It is a replica: name the master, or its sentinels with `master_name`.',
    } as const
  return {
    kind: 'unreachable',
    hint: `Start Redis, or correct the address of the section \`redis\` (${where}).`,
  } as const
}
