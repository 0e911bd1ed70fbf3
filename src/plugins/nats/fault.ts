/** Faults of NATS and of its client → faults of a queue's server, with what to do. Pure. */
import { messageOf } from '../../index.js'
import { isQueueFault, queueFault } from '../../work/queues/queue-fault.js'

/** Codes of JetStream for what is not there: a consumer, a stream. */
const missingCodes: readonly unknown[] = [10014, 10059]
const deniedNames: readonly unknown[] = [
  'AuthorizationError',
  'UserAuthenticationExpiredError',
  'PermissionViolationError',
]
/** Faults that are of one request: sending it again would not help. */
const ownNames: readonly unknown[] = ['InvalidSubjectError', 'InvalidArgumentError', 'InvalidNameError']

/** Returns the fault of the queue behind an error; the error itself where it is a fault of one request. */
export function natsFault(error: unknown, address: string): unknown {
  if (isQueueFault(error)) return error
  const { name, code }: { readonly name?: unknown; readonly code?: unknown } = Object(error)
  const what = (text: string) => `NATS at ${address} ${text}: ${messageOf(error)}`
  if (deniedNames.includes(name))
    return queueFault({
      kind: 'denied',
      what: what('refused the credentials or a permission'),
      hint: 'Correct user, password or token in `nats.addr`; the user needs $JS.API.>, $JS.ACK.>, _INBOX.> and the subject.',
      cause: error,
    })
  if (name === 'JetStreamNotEnabled' || name === 'NoRespondersError' || causedBy(error, 'NoRespondersError'))
    return queueFault({
      kind: 'missing',
      what: what('does not answer for JetStream'),
      hint: 'Start nats-server with `-js`, or enable JetStream for the account.',
      cause: error,
    })
  if (missingCodes.includes(code))
    return queueFault({
      kind: 'missing',
      what: what('does not have the stream or its consumer'),
      hint: 'They are made with the next try, if the user may.',
      cause: error,
    })
  if (name === 'JetStreamApiError' || ownNames.includes(name)) return error
  return queueFault({
    kind: 'unreachable',
    what: what('cannot be reached'),
    hint: 'Start it, or correct `nats.addr`.',
    cause: error,
  })
}

function causedBy(error: unknown, name: string): boolean {
  const { cause }: { readonly cause?: unknown } = Object(error)
  return cause instanceof Error && cause.name === name
}
