/** The part `amqp` of a pipeline: its keys, which are RoadRunner's. */
import type { ConfigOf } from '../../index.js'
import { priorityKey } from '../../work/queues/pipeline-keys.js'

const off = { type: 'boolean', default: false } as const
const on = { type: 'boolean', default: true } as const

/** Keys of a pipeline over RabbitMQ. */
export const amqpPart = {
  name: 'amqp',
  description: 'A queue of RabbitMQ, at the address of the section `amqp`.',
  properties: {
    queue: {
      type: 'string',
      default: '',
      description: 'Queue that is read; without one the pipeline only pushes.',
    },
    exchange: {
      type: 'string',
      default: 'amqp.default',
      description:
        'Exchange that jobs are pushed to and the queue is bound to; empty: RabbitMQ’s default exchange.',
    },
    exchange_type: {
      type: 'string',
      enum: ['direct', 'fanout', 'topic', 'headers', 'x-delayed-message'],
      default: 'direct',
      description:
        'Type of the exchange; `x-delayed-message` is that of the plugin, which then holds delayed jobs.',
    },
    routing_key: {
      type: 'string',
      default: '',
      description: 'Key of the binding and of pushed jobs; empty: the name of the queue.',
    },
    prefetch: {
      type: 'integer',
      minimum: 1,
      maximum: 65_535,
      description: 'Messages in hand at most; without it as many as workers can soon run.',
    },
    priority: priorityKey,
    durable: { ...off, description: 'The queue outlives a restart of RabbitMQ.' },
    exclusive: { ...off, description: 'The queue belongs to our connection and ends with it.' },
    queue_auto_delete: { ...off, description: 'The queue is deleted when its last consumer has gone.' },
    queue_declare: { ...on, description: 'The queue is made and bound; `false`: it must be there.' },
    queue_headers: {
      type: 'map',
      values: { type: 'string' },
      description: 'Arguments of the queue: `x-queue-type`, `x-max-priority`, `x-dead-letter-exchange`, ….',
    },
    exchange_durable: { ...off, description: 'The exchange outlives a restart of RabbitMQ.' },
    exchange_auto_delete: {
      ...off,
      description: 'The exchange is deleted when nothing is bound to it any more.',
    },
    exchange_declare: { ...on, description: 'The exchange is made; `false`: it must be there.' },
    delayed_type: {
      type: 'string',
      enum: ['direct', 'fanout', 'topic', 'headers'],
      default: 'direct',
      description: 'How an exchange of the type `x-delayed-message` routes.',
    },
    requeue_on_fail: {
      ...off,
      description:
        'What a worker of RoadRunner’s does not acknowledge (`nack`) comes again; `false`: it is rejected.',
    },
    reject_failed: {
      ...off,
      description:
        'What failed for good is rejected, for a dead-letter exchange that a policy of RabbitMQ sets. It is where `queue_headers` name one.',
    },
    delete_queue_on_stop: {
      ...off,
      description: 'The queue is deleted, with its messages, when the server stops.',
    },
    consumer_id: {
      type: 'string',
      default: '',
      description: 'Tag of the consumer; empty: `relayrunner-` and chance.',
    },
  },
} as const

/** Settings of a pipeline. */
export type AmqpConfig = ConfigOf<typeof amqpPart.properties>
