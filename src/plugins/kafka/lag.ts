/** The lag of a group: records of its topics that are not settled. */
import type { Consumer } from '@platformatic/kafka'
import type { SourceCounts } from '../../work/source.js'
import { placeName } from './message.js'
import { committedOffsets, endOffsets } from './offsets.js'
import type { Partition } from './partition.js'

/** Options of the question. */
export interface LagOptions {
  readonly consumer: Consumer
  readonly topics: readonly string[]
  /** Partitions that are ours: their places are known here. */
  readonly ours: readonly Partition[]
  readonly begins: 'AtStart' | 'AtEnd'
  readonly nowMs: number
}

/** Returns it by where the records are. Those that other servers have in hand count as ready. */
export async function lagOf({ consumer, topics, ours, begins, nowMs }: LagOptions): Promise<SourceCounts> {
  const next = await endOffsets(consumer, topics, 'next')
  const byName = new Map(ours.map((one) => [placeName(one), one]))
  const others = await placesOf(
    consumer,
    [...next.keys()].filter((name) => !byName.has(name)),
    begins,
  )
  let [lag, reserved, delayed] = [0, 0, 0]
  for (const [name, end] of next) {
    const partition = byName.get(name)
    lag += Math.max(0, end - (partition?.lowest ?? others.get(name) ?? end))
    reserved += partition?.inHandCount ?? 0
    delayed += partition?.delayedCount(nowMs) ?? 0
  }
  return { active: Math.max(0, lag - reserved - delayed), delayed, reserved }
}

/** Places of the group in partitions; its beginning in those of which it has read nothing. */
async function placesOf(
  consumer: Consumer,
  names: readonly string[],
  begins: 'AtStart' | 'AtEnd',
): Promise<ReadonlyMap<string, number>> {
  if (names.length === 0) return new Map()
  const byTopic = new Map<string, number[]>()
  for (const name of names) {
    const at = name.lastIndexOf('-')
    const topic = name.slice(0, at)
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), Number(name.slice(at + 1))])
  }
  const [committed, begin] = await Promise.all([
    committedOffsets(consumer, byTopic),
    endOffsets(consumer, [...byTopic.keys()], begins === 'AtStart' ? 'first' : 'next'),
  ])
  return new Map([...begin, ...committed])
}
