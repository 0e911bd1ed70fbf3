/**
 * The partitions that the group has dealt to us: where each begins, which of them are to be let go once what runs has ended, and which we
 * have lost.
 */
import type { Consumer } from '@platformatic/kafka'
import { type Clock, type Logger, sleep, type Timer } from '../../index.js'
import type { OwnedPartitions } from './assign.js'
import type { KafkaClients } from './client.js'
import { placeName } from './message.js'
import { committedOffsets, endOffsets } from './offsets.js'
import { Partition } from './partition.js'

/** Options of the deal. */
export interface DealOptions {
  readonly clients: KafkaClients
  readonly consumer: Consumer
  readonly clock: Clock
  readonly log: Logger
  readonly begins: 'AtStart' | 'AtEnd'
  /** Longest time in ms that a partition is kept for what runs. */
  readonly leaveMsMax: number
  /** Commits what is settled, if it can. Never rejects. */
  readonly commit: () => Promise<void>
  /** A partition was let go: the group is to deal again. */
  readonly onLetGo: () => void
  /** Called when records may be taken that could not be before. */
  readonly onChange: () => void
}

const againMs = 500

/** Partitions of one member. */
export class Deal {
  readonly #options: DealOptions
  readonly #partitions = new Map<string, Partition>()
  readonly #timers = new Set<Timer>()
  readonly #end = new AbortController()
  #round = 0
  #isReady = false

  constructor(options: DealOptions) {
    this.#options = options
  }

  /** True once the places of all partitions of the last round are known. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Partitions that are ours, those included that are to be let go. */
  get partitions(): readonly Partition[] {
    return [...this.#partitions.values()]
  }

  /** The same, by topic. */
  get owned(): OwnedPartitions {
    const owned = new Map<string, number[]>()
    for (const { topic, index } of this.#partitions.values())
      owned.set(topic, [...(owned.get(topic) ?? []), index])
    return owned
  }

  /** Takes a new deal. `isContinuous`: nobody else can have had what is ours since the last one. */
  async take(dealt: OwnedPartitions, isContinuous: boolean): Promise<void> {
    this.#round += 1
    const round = this.#round
    this.#isReady = false
    const wanted = new Map(
      [...dealt].flatMap(([topic, list]) =>
        list.map((index) => [placeName({ topic, index }), { topic, index }] as const),
      ),
    )
    for (const [name, partition] of this.#partitions)
      if (!wanted.has(name)) this.#leave(name, partition, isContinuous)
    const isKept = (name: string) => isContinuous && this.#partitions.get(name)?.isOurs === true
    for (const name of wanted.keys()) if (isKept(name)) this.#partitions.get(name)?.stay()
    const fresh = new Map([...wanted].filter(([name]) => !isKept(name)))
    const places = await this.#placesOf(fresh, round)
    if (round !== this.#round || places === undefined) return
    for (const [name, place] of fresh) {
      const { committed, offset } = places.get(name) ?? { committed: undefined, offset: 0 }
      const before = this.#partitions.get(name)
      // Nobody has settled anything in it meanwhile: what is in hand still counts.
      if (before?.isRun === true && committed === before.committed) continue
      before?.lose()
      this.#partitions.set(name, new Partition({ ...place, offset }))
    }
    this.#isReady = true
    this.#options.onChange()
  }

  /** Begins a partition anew whose place to read is gone. */
  async skip(partition: Partition): Promise<void> {
    const { consumer, begins, log, clients } = this.#options
    const name = placeName(partition)
    try {
      const ends = await endOffsets(consumer, [partition.topic], begins === 'AtStart' ? 'first' : 'next')
      const offset = ends.get(name)
      if (offset === undefined || offset === partition.nextOffset) return
      const fields = { partition: name, from: partition.nextOffset, to: offset }
      log.warn(fields, 'the topic no longer has records that were to be read: they are skipped')
      partition.skipTo(offset)
    } catch (error) {
      log.debug(
        { partition: name, error: clients.fault(error) },
        'the ends of a partition could not be asked for',
      )
    }
  }

  /** A record was settled or has come back: lets go of a partition whose last one it was. */
  settled(partition: Partition): void {
    if (partition.isRun || !partition.isOurs || partition.inHandCount > 0) return
    void this.#options.commit().then(() => this.#letGo(partition))
  }

  /** Ends all waits. */
  close(): void {
    this.#end.abort()
    for (const timer of this.#timers) timer.clear()
    this.#timers.clear()
  }

  #leave(name: string, partition: Partition, isContinuous: boolean): void {
    if (!isContinuous) {
      partition.lose()
      this.#partitions.delete(name)
      return
    }
    if (!partition.isRun) return
    partition.leave()
    const { clock, leaveMsMax } = this.#options
    const timer = clock.timer(leaveMsMax, () => this.#letGo(partition), { unref: true })
    this.#timers.add(timer)
    this.settled(partition)
  }

  #letGo(partition: Partition): void {
    const name = placeName(partition)
    if (this.#partitions.get(name) !== partition || partition.isRun) return
    partition.lose()
    this.#partitions.delete(name)
    this.#options.onLetGo()
  }

  /** Asks until there is an answer, or another deal. */
  async #placesOf(
    fresh: ReadonlyMap<string, { readonly topic: string; readonly index: number }>,
    round: number,
  ) {
    const { clock, clients, log } = this.#options
    const { signal } = this.#end
    while (!signal.aborted && round === this.#round) {
      try {
        return await this.#askPlaces([...fresh.values()])
      } catch (error) {
        log.debug({ error: clients.fault(error) }, 'the places of the group could not be asked for')
        await sleep(clock, againMs, signal)
      }
    }
    return undefined
  }

  async #askPlaces(fresh: readonly { readonly topic: string; readonly index: number }[]) {
    const { consumer, begins } = this.#options
    const byTopic = new Map<string, number[]>()
    for (const { topic, index } of fresh) byTopic.set(topic, [...(byTopic.get(topic) ?? []), index])
    const committed = await committedOffsets(consumer, byTopic)
    const isNew = fresh.some((one) => !committed.has(placeName(one)))
    const ends = isNew
      ? await endOffsets(consumer, [...byTopic.keys()], begins === 'AtStart' ? 'first' : 'next')
      : new Map<string, number>()
    return new Map(
      fresh.map((one) => {
        const name = placeName(one)
        const place = committed.get(name) ?? ends.get(name) ?? 0
        return [name, { committed: place, offset: place }] as const
      }),
    )
  }
}
