/** The driver `kafka`: pipelines in topics of Kafka. Its client is loaded with the first pipeline; each pipeline has its own connections. */
import type { Clock, Logger } from '../../index.js'
import { type JobDriver, jobDriver } from '../../work/driver.js'
import { type KafkaClients, loadKafka } from './client.js'
import { KafkaSource } from './kafka-source.js'
import { type KafkaSettings, kafkaPart } from './part.js'

/** Services of the server that the driver uses, and its section. */
export interface KafkaDriverOptions {
  readonly settings: KafkaSettings
  readonly clock: Clock
  readonly log: Logger
}

/** Makes the driver. `open` rejects with RR_DRIVER_PACKAGE without the client's package, and with a fault of the queue. */
export function kafkaDriver({ settings, clock, log }: KafkaDriverOptions): JobDriver {
  let clients: Promise<KafkaClients> | undefined
  return jobDriver(kafkaPart, async ({ name: pipeline, config: keys }) => {
    clients ??= loadKafka(settings)
    return KafkaSource.open({ clients: await clients, clock, log: log.named(pipeline), pipeline, keys })
  })
}
