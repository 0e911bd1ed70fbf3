/** Declares a pipeline's exchange and queue. */
import type { Channel } from 'amqplib'
import type { AmqpConfig } from './part.js'
import { queueArguments } from './queue-headers.js'

/** Declares what is not there, and binds the queue. Rejects when it is there with other properties. */
export async function declareTopology(channel: Channel, config: AmqpConfig): Promise<void> {
  const { exchange, queue, queue_declare: declaresQueue, exchange_declare: declaresExchange } = config
  const isOwnExchange = exchange !== '' && !exchange.startsWith('amq.')
  if (isOwnExchange && declaresExchange) {
    const { exchange_type: type, delayed_type: delayedType } = config
    await channel.assertExchange(exchange, type, {
      durable: config.exchange_durable,
      autoDelete: config.exchange_auto_delete,
      ...(type === 'x-delayed-message' ? { arguments: { 'x-delayed-type': delayedType } } : {}),
    })
  }
  if (queue === '') return
  if (!declaresQueue) {
    await channel.checkQueue(queue)
    return
  }
  await channel.assertQueue(queue, {
    durable: config.durable,
    autoDelete: config.queue_auto_delete,
    exclusive: config.exclusive,
    arguments: queueArguments(config.queue_headers),
  })
  if (exchange !== '') await channel.bindQueue(queue, exchange, routingKeyOf(config))
}

/** Key of the binding and of pushed jobs. */
export function routingKeyOf({ routing_key: key, queue, exchange }: AmqpConfig): string {
  // The default exchange routes by the queue's name alone.
  return exchange === '' || key === '' ? queue : key
}
