/** Arguments of a queue: texts of a config file → the types that RabbitMQ wants, and what they say about the queue. Pure. */

/** Facts that the arguments tell. */
export interface QueueTraits {
  readonly isQuorum: boolean
  /** The queue has a dead-letter exchange. */
  readonly hasDeadLetters: boolean
  /** Highest priority of a message; undefined: it knows none. */
  readonly priorityMax: number | undefined
  /** Deliveries of a quorum queue beyond the first, after which RabbitMQ moves or drops a message; undefined: unknown. */
  readonly deliveryLimit: number | undefined
}

/** Makes the arguments; texts that read as whole numbers and truths are those. */
export function queueArguments(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, typed(value)]))
}

/** Reads the arguments. */
export function traitsOf(headers: Readonly<Record<string, unknown>>): QueueTraits {
  const { 'x-queue-type': type, 'x-dead-letter-exchange': exchange, ...rest } = queueArguments(headers)
  return {
    isQuorum: type === 'quorum',
    hasDeadLetters: exchange !== undefined,
    priorityMax: wholeOf(rest['x-max-priority']),
    deliveryLimit: wholeOf(rest['x-delivery-limit']),
  }
}

/** Higher is sooner in RabbitMQ, and lower is sooner in RoadRunner: 1 becomes the highest. */
export function brokerPriority(priority: number, priorityMax: number): number {
  return Math.max(0, Math.min(priorityMax, priorityMax + 1 - priority))
}

function typed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (/^-?\d+$/.test(value) && Number.isSafeInteger(Number(value))) return Number(value)
  return value === 'true' || value === 'false' ? value === 'true' : value
}

function wholeOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined
}
