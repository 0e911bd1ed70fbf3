/** Faults of RabbitMQ in the words of an operator: what happened, where, and what to do. Pure. */
import { ErrorCode, messageOf, RelayError } from '../../index.js'
import { maskedAddress, queueFault } from '../../work/queues/queue-fault.js'

/** Place of a fault. */
export interface AmqpPlace {
  readonly addr: string
  /** Name of the queue; empty: none. */
  readonly queue: string
}

interface Advice {
  readonly kind: 'unreachable' | 'denied' | 'missing'
  readonly hint: string
}

/** Makes the fault of an error of the client. Faults of ours are returned as they are. */
export function amqpFault(error: unknown, { addr, queue }: AmqpPlace): RelayError {
  if (error instanceof RelayError) return error
  const where = maskedAddress(addr)
  const why = messageOf(error)
  const what =
    queue === '' ? `RabbitMQ at ${where}: ${why}` : `queue "${queue}" of RabbitMQ at ${where}: ${why}`
  return queueFault({ ...adviceOn(why, where), what, cause: error })
}

function adviceOn(why: string, where: string): Advice {
  const [, code] = /\b(\d{3}) \([A-Z-]+\)/.exec(why) ?? []
  if (code === '403' && /login|handshake/i.test(why))
    return {
      kind: 'denied',
      hint: `Correct the user and password of \`amqp.addr\` (${where}), or add the user.`,
    }
  if (code === '403')
    return { kind: 'denied', hint: 'Give the user the permission with `rabbitmqctl set_permissions`.' }
  if (code === '404')
    return {
      kind: 'missing',
      hint: 'Make it, or set `queue_declare` and `exchange_declare` so that it is made here.',
    }
  if (code === '405')
    return {
      kind: 'denied',
      hint: 'Another connection has the queue for itself (`exclusive`): end it, or use another queue.',
    }
  if (code === '406' && /timed? ?out/i.test(why))
    return {
      kind: 'unreachable',
      hint: 'A job took longer than RabbitMQ’s `consumer_timeout`: raise it, or set `exec_ttl` below it.',
    }
  if (code === '406')
    return {
      kind: 'denied',
      hint: 'It was made with other properties: correct `durable`, `queue_headers` and the like, or set `queue_declare: false`.',
    }
  // The client does not tell the reason of a refusal at this step.
  if (code === '530' || why.includes('Expected ConnectionOpenOk; got <ConnectionClose')) {
    const hint =
      'Correct the virtual host in `amqp.addr`, add it with `rabbitmqctl add_vhost`, or give the user a permission on it.'
    return { kind: 'missing', hint }
  }
  return { kind: 'unreachable', hint: `Start RabbitMQ, or correct \`amqp.addr\` (${where}).` }
}

/** Makes the error of a message that RabbitMQ does not take. */
export function notTaken(what: string, hint: string): RelayError {
  return new RelayError(ErrorCode.QueueRefused, what, { hint })
}
