/** The stream of a pipeline and its durable consumer: found, or made. */
import type { ConsumerInfo } from '@nats-io/jetstream'
import type { ConfigOf } from '../../index.js'
import { queueFault } from '../../work/queues/queue-fault.js'
import type { NatsLink } from './connection.js'
import type { natsPart } from './part.js'

/** Keys of a pipeline. */
export type NatsKeys = ConfigOf<typeof natsPart.properties>

/** Settings of the consumer that a pipeline reads. */
export interface ConsumerFacts {
  readonly name: string
  readonly ackWaitMs: number
  /** JetStream itself gives up after a number of deliveries. */
  readonly hasDeliveryLimit: boolean
}

const nanosecondsPerMs = 1e6
/** Messages that wait for a time, or are worked on, at once. JetStream's own limit of 1000 would let delayed jobs hold up the rest. */
const ackPendingMax = 100_000
const streamMissing = 10_059
const consumerMissing = 10_014

/** Finds stream and consumer, or makes them. Rejects with a fault of the queue, or of JetStream. */
export async function openConsumer(link: NatsLink, keys: NatsKeys): Promise<ConsumerFacts> {
  const { stream, subject } = keys
  const name = keys.consumer === '' ? `rr-${subject.replace(/[.*>/\\]/g, '_')}` : keys.consumer
  const found = await orUndefined(link.manager.streams.info(stream), streamMissing)
  if (found === undefined) await makeStream(link, stream, subject)
  else if (!found.config.subjects.some((one) => covers(one, subject)))
    throw queueFault({
      kind: 'missing',
      what: `the stream "${stream}" does not keep the subject "${subject}" but ${found.config.subjects.join(', ')}`,
      hint: 'Name another stream in `stream`, or add the subject to it.',
    })
  const info =
    (await orUndefined(link.manager.consumers.info(stream, name), consumerMissing)) ??
    (await makeConsumer(link, keys, name))
  const {
    ack_wait: ackWait = 0,
    max_deliver: maxDeliver = -1,
    deliver_subject: pushesTo,
    ack_policy: policy,
  } = info.config
  if (pushesTo !== undefined || policy !== 'explicit')
    throw queueFault({
      kind: 'missing',
      what: `the consumer "${name}" of stream "${stream}" is not one that is pulled from with explicit acknowledgements`,
      hint: 'Name another one in `consumer`.',
    })
  return { name, ackWaitMs: ackWait / nanosecondsPerMs, hasDeliveryLimit: maxDeliver > 0 }
}

/** Makes a stream that loses what is acknowledged. */
async function makeStream({ manager }: NatsLink, name: string, subject: string): Promise<void> {
  await manager.streams.add({ name, subjects: [subject], retention: 'workqueue' })
}

function makeConsumer({ manager }: NatsLink, keys: NatsKeys, name: string): Promise<ConsumerInfo> {
  return manager.consumers.add(keys.stream, {
    durable_name: name,
    filter_subject: keys.subject,
    ack_policy: 'explicit',
    ack_wait: keys.ack_wait * 1000 * nanosecondsPerMs,
    deliver_policy: keys.deliver_new ? 'new' : 'all',
    max_ack_pending: ackPendingMax,
    max_deliver: keys.max_deliver > 0 ? keys.max_deliver : -1,
  })
}

/** Resolves with undefined where JetStream says by a code that it is not there. */
export async function orUndefined<T>(asked: Promise<T>, code: number): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (Object(error).code === code) return undefined
    throw error
  }
}

/** True for a pattern of subjects that a subject, or a narrower pattern, falls under. */
function covers(pattern: string, subject: string): boolean {
  const tokens = subject.split('.')
  const parts = pattern.split('.')
  const isPart = parts.every((part, at) => {
    if (part === '>') return tokens.length > at
    return tokens[at] !== undefined && (part === '*' || part === tokens[at])
  })
  return isPart && (parts.at(-1) === '>' || parts.length === tokens.length)
}
