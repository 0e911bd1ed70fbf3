/**
 * Our membership in a consumer group: joins when it is needed, joins again when the connection was lost, says which partitions we have not
 * let go, and commits. Which partitions are ours, and from where, is its owner's business.
 */
import type { Consumer } from '@platformatic/kafka'
import { type Clock, isObject, parseJson, sleep } from '../../index.js'
import { assignPartitions, type GroupMember, type OwnedPartitions } from './assign.js'
import { closeClient, type KafkaClients } from './client.js'
import { hasApiId, isComing, isOutOfGroup, rebalancing } from './fault.js'

/** Options of a membership. */
export interface GroupOptions {
  readonly clients: KafkaClients
  readonly groupId: string
  readonly topics: readonly string[]
  readonly sessionMs: number
  readonly rebalanceMs: number
  readonly clock: Clock
  /** Partitions that we have not let go. */
  readonly owned: () => OwnedPartitions
  /** Is told of each new deal; `isContinuous`: nobody else can have had what is ours since the last one. */
  readonly onDealt: (partitions: OwnedPartitions, isContinuous: boolean) => void
  /** Is told that the coordinator cannot be reached; we try to get in again. */
  readonly onLost: (fault: unknown) => void
}

/** A place up to which a partition is settled. */
export interface CommittedPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** Name of the way in which partitions are dealt: all members of a group have to know it. */
const protocolName = 'relayrunner-sticky'
const beatsPerSession = 5
const heartbeatMsMax = 3000
const firstAgainMs = 100
const againMsMax = 1000
/** Tries of a join, about five seconds. */
const joinTriesMax = 10
/** Ms for leaving in order; then the session ends by itself. */
const leaveMsMax = 3000

/** A membership. */
export class KafkaGroup {
  readonly #options: GroupOptions
  readonly #consumer: Consumer
  readonly #joinOptions: Parameters<Consumer['joinGroup']>[0]
  readonly #end = new AbortController()
  #joining: Promise<void> | undefined
  #isIn = false
  #isRejoining = false
  #memberId: string | null = null
  /** Partitions that the last join said we have not let go. */
  #claimed: OwnedPartitions = new Map()

  constructor(options: GroupOptions) {
    const { clients, groupId, sessionMs, rebalanceMs, topics } = options
    this.#options = options
    const heartbeatMs = Math.min(heartbeatMsMax, Math.ceil(sessionMs / beatsPerSession))
    this.#consumer = clients.group({ groupId, sessionMs, rebalanceMs, heartbeatMs })
    this.#consumer.topics.trackAll(...topics)
    const owned = () => this.#metadata()
    this.#joinOptions = {
      // Read anew with each join.
      protocols: [
        {
          name: protocolName,
          version: 1,
          get metadata() {
            return owned()
          },
        },
      ],
      partitionAssigner: (_, members, _topics, { topics: known }) => {
        const counts = new Map([...known].map(([topic, { partitionsCount }]) => [topic, partitionsCount]))
        const list = [...members].map(([id, { topics: own = [], metadata }]) => readMember(id, own, metadata))
        return [...assignPartitions(list, counts)].map(([memberId, partitions]) => ({
          memberId,
          assignments: new Map(
            [...partitions].map(([topic, all]) => [topic, { topic, partitions: [...all] }]),
          ),
        }))
      },
    }
    this.#consumer.on('consumer:group:join', () => this.#joined())
    this.#consumer.on('consumer:heartbeat:error', ({ error }) => this.#lost(error))
    // The client's own attempt to join again has failed.
    this.#consumer.on('error', (error: unknown) => this.#lost(error))
  }

  /** Resolves when we are a member. Rejects with a fault of the queue. */
  join(): Promise<void> {
    if (this.#isIn) return Promise.resolve()
    this.#joining ??= this.#join().finally(() => {
      this.#joining = undefined
    })
    return this.#joining
  }

  /** Asks for another deal: we have let go of a partition. */
  dealAgain(): void {
    if (!this.#isIn || this.#end.signal.aborted) return
    this.#isIn = false
    this.join().catch((error: unknown) => this.#lost(error))
  }

  /** Commits places. Rejects with a fault of the queue; the places are then to be committed again, if they are still ours. */
  async commit(places: readonly CommittedPlace[]): Promise<void> {
    const { clients } = this.#options
    const offsets = places.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset: BigInt(offset),
      leaderEpoch: -1,
    }))
    try {
      await this.#consumer.commit({ offsets })
    } catch (error) {
      if (!isOutOfGroup(error)) throw clients.fault(error)
      // Else it is a deal that goes on, or a heartbeat will say so.
      if (hasApiId(error, 'UNKNOWN_MEMBER_ID')) this.#lost(error)
      throw rebalancing(clients.place, error)
    }
  }

  /** Leaves the group, so that the others have our partitions at once. Never rejects. */
  async close(): Promise<void> {
    this.#end.abort()
    await this.#joining?.catch(() => undefined)
    const left = closeClient(this.#consumer)
    const { clock } = this.#options
    await Promise.race([left, sleep(clock, leaveMsMax, new AbortController().signal)])
  }

  async #join(): Promise<void> {
    const { clients, clock } = this.#options
    const { signal } = this.#end
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#consumer.joinGroup(this.#joinOptions)
        return
      } catch (error) {
        // The coordinator of a new group, or of a broker that has just started, is being made.
        if (!isComing(error) || tries >= joinTriesMax || signal.aborted) throw clients.fault(error)
        await sleep(clock, firstAgainMs * tries, signal)
      }
    }
  }

  #joined(): void {
    if (this.#end.signal.aborted) return
    const { memberId, assignments } = this.#consumer
    const isContinuous = memberId === this.#memberId
    this.#memberId = memberId
    this.#isIn = true
    const dealt = (assignments ?? []).map(({ topic, partitions }) => [topic, partitions] as const)
    this.#options.onDealt(new Map(dealt), isContinuous)
    // What we let go while we joined was dealt as if it were still ours.
    const owned = this.#options.owned()
    const isLetGo = [...this.#claimed].some(([topic, list]) =>
      list.some((n) => !owned.get(topic)?.includes(n)),
    )
    if (isLetGo) this.dealAgain()
  }

  #lost(error: unknown): void {
    if (this.#end.signal.aborted) return
    this.#isIn = false
    if (!isOutOfGroup(error)) this.#options.onLost(this.#options.clients.fault(error))
    if (!this.#isRejoining) void this.#rejoin()
  }

  /** Tries until we are in again. */
  async #rejoin(): Promise<void> {
    this.#isRejoining = true
    const { signal } = this.#end
    for (
      let waitMs = firstAgainMs;
      !signal.aborted && !this.#isIn;
      waitMs = Math.min(againMsMax, waitMs * 2)
    ) {
      await sleep(this.#options.clock, waitMs, signal)
      if (!signal.aborted) await this.join().catch(() => undefined)
    }
    this.#isRejoining = false
  }

  /** The partitions that we have not let go; none where the group has forgotten us, and may have given them to others. */
  #metadata(): Buffer {
    this.#claimed = this.#consumer.memberId === null ? new Map() : this.#options.owned()
    return Buffer.from(JSON.stringify(Object.fromEntries(this.#claimed)))
  }
}

/** Reads what another member says of itself. */
function readMember(
  id: string,
  topics: readonly string[],
  metadata: Buffer | string | undefined,
): GroupMember {
  const given = parseJson(String(metadata ?? ''))
  const owned = Object.entries(isObject(given) ? given : {}).map(
    ([topic, list]) => [topic, numbersOf(list)] as const,
  )
  return { id, topics, owned: new Map(owned) }
}

function numbersOf(list: unknown): readonly number[] {
  return Array.isArray(list) ? list.filter((n): n is number => Number.isInteger(n) && n >= 0) : []
}
