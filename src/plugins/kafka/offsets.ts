/** Asks Kafka for places: those that a group has committed, and the ends of partitions. */
import type { Consumer } from '@platformatic/kafka'

/** Partitions by topic. */
export type TopicPartitions = ReadonlyMap<string, readonly number[]>

const earliest = -2n
const latest = -1n

/** Returns the committed offset of each partition by `TOPIC-N`; undefined where nothing was committed. */
export async function committedOffsets(
  consumer: Consumer,
  partitions: TopicPartitions,
): Promise<ReadonlyMap<string, number>> {
  const topics = [...partitions].map(([topic, list]) => ({ topic, partitions: [...list] }))
  if (topics.length === 0) return new Map()
  return byName(await consumer.listCommittedOffsets({ topics }))
}

/** Returns the first offset that is kept, or the one behind the last, of each partition of topics by `TOPIC-N`. */
export async function endOffsets(
  consumer: Consumer,
  topics: readonly string[],
  end: 'first' | 'next',
): Promise<ReadonlyMap<string, number>> {
  return byName(
    await consumer.listOffsets({
      topics: [...topics],
      timestamp: end === 'first' ? earliest : latest,
      isolationLevel: 0,
    }),
  )
}

function byName(offsets: ReadonlyMap<string, readonly bigint[]>): ReadonlyMap<string, number> {
  const entries = [...offsets].flatMap(([topic, list]) =>
    // A list has holes for partitions that were not asked for.
    [...list.entries()].map(([index, offset]) => [`${topic}-${index}`, Number(offset ?? latest)] as const),
  )
  return new Map(entries.filter(([, offset]) => offset >= 0))
}
