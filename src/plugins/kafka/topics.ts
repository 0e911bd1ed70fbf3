/** Topics of a pipeline: found, or made. */
import type { KafkaClients } from './client.js'
import { hasApiId } from './fault.js'

/** Options of a topic that is made. */
export interface NewTopicOptions {
  /** 0: as many as the brokers say. */
  readonly partitions: number
  readonly configs?: readonly { readonly name: string; readonly value: string }[]
}

/** Makes those topics that are not there. Rejects with a fault of the queue. */
export async function makeTopics(
  clients: KafkaClients,
  topics: readonly string[],
  { partitions, configs = [] }: NewTopicOptions,
): Promise<void> {
  const admin = clients.admin()
  try {
    const there = new Set(await admin.listTopics())
    for (const topic of topics)
      if (!there.has(topic))
        await admin
          .createTopics({
            topics: [topic],
            partitions: partitions === 0 ? -1 : partitions,
            replicas: -1,
            configs: [...configs],
          })
          // Another server was faster.
          .catch((error: unknown) => {
            if (!hasApiId(error, 'TOPIC_ALREADY_EXISTS')) throw error
          })
  } catch (error) {
    throw clients.fault(error)
  } finally {
    await admin.close()
  }
}
