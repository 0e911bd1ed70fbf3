/**
 * A queue in a table. A job is taken by a lease: a random number and a time in its row, both of which every later statement about the
 * delivery names, so that a delivery that was lost changes nothing.
 */
import { randomUUID } from 'node:crypto'
import { type Clock, type ConfigOf, isObject } from '../../index.js'
import { headersOf } from '../../work/protocols/record-headers.js'
import { jobRecord } from '../../work/queues/job-record.js'
import { LostMessage } from '../../work/queues/lost-message.js'
import { receiptOf } from '../../work/queues/message.js'
import { Persistence } from '../../work/queues/persistence.js'
import type {
  Delivery,
  FailedDelivery,
  FailedStore,
  KeptMessage,
  NewJob,
  SettledDelivery,
  Source,
  SourceCounts,
} from '../../work/source.js'
import type { Database } from './database.js'
import { postgresGuarantees } from './guarantees.js'
import type { postgresPart } from './part.js'

/** Options of a source. */
export interface PostgresSourceOptions {
  readonly database: Database
  readonly clock: Clock
  readonly pollMs: number
  readonly pipeline: string
  readonly config: ConfigOf<typeof postgresPart.properties>
}

interface JobRow {
  readonly seq: string
  readonly id: string
  readonly name: string
  readonly body: Uint8Array
  readonly headers: unknown
  readonly priority: number
  readonly lane: string | null
  readonly auto_ack: boolean
  readonly attempts: number
  readonly pushed_ms: string
}

interface FailedRow {
  readonly seq: string
  readonly name: string
  readonly attempts: number
  readonly error: string | null
  readonly failed_ms: number
}

interface Counts extends SourceCounts {
  readonly oldest_ms: number | null
}

type Faults = readonly (Error | undefined)[]

const waitMsDefault = 20_000
const lost = 'the lease is over: the job was delivered again, or has been settled'

/** A source. */
export class PostgresSource implements Source {
  readonly guarantees = postgresGuarantees
  readonly failed: FailedStore
  readonly queue: string
  readonly #options: PostgresSourceOptions
  readonly #persistence: Persistence
  #oldestMs: number | undefined

  constructor(options: PostgresSourceOptions) {
    const { config, pipeline, clock } = options
    this.#options = options
    this.queue = config.queue === '' ? pipeline : config.queue
    this.#persistence = new Persistence(clock)
    this.failed = {
      keep: (failed) => this.#keep(failed),
      list: (max) => this.#listFailed(max),
      redrive: (ids) => this.#redrive(ids),
      count: () => this.#countFailed(),
    }
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { database, clock, pollMs } = this.#options
    const endMs = clock.monotonicMs() + waitMs
    while (!signal.aborted) {
      await database.listen()
      const ring = database.bells.listen(this.queue)
      try {
        const taken = await this.#take(want)
        const leftMs = endMs - clock.monotonicMs()
        if (taken.length > 0 || leftMs <= 0) return taken
        await ring.wait(Math.min(leftMs, pollMs, await this.#nextMs()), clock, signal)
      } finally {
        ring.close()
      }
    }
    return []
  }

  async settle(items: readonly SettledDelivery[]): Promise<Faults> {
    const { statements } = this.#options.database
    const again = items.filter(({ verdict: { kind } }) => kind === 'retry')
    const over = items.filter(({ verdict: { kind } }) => kind !== 'retry')
    const faults = new Map<SettledDelivery, Error | undefined>()
    const tell = async (list: readonly SettledDelivery[], text: string, ...more: readonly unknown[][]) => {
      if (list.length === 0) return
      const found = await this.#about(
        list.map(({ delivery }) => delivery),
        text,
        more,
      )
      for (const [at, item] of list.entries()) faults.set(item, found[at])
    }
    const waits = again.map(({ verdict }) => (verdict.kind === 'retry' ? (verdict.afterMs ?? 0) : 0))
    const whys = again.map(({ verdict }) => (verdict.kind === 'retry' ? verdict.why.message : ''))
    await Promise.all([tell(over, statements.done), tell(again, statements.retry, waits, whys)])
    await this.#ring(over.some(({ delivery: { lane } }) => lane !== undefined))
    return items.map((item) => faults.get(item))
  }

  async extend(deliveries: readonly Delivery[], byMs: number): Promise<Faults> {
    const { database } = this.#options
    const rows = await database.ask<{ seq: string }>(database.statements.extend, [
      ...this.#keysOf(deliveries),
      byMs,
    ])
    return faultsOf(deliveries, rows)
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    await this.#about(deliveries, this.#options.database.statements.release, [])
    await this.#ring(true)
  }

  async push(jobs: readonly NewJob[]): Promise<void> {
    const { database } = this.#options
    const { statements } = database
    const lanes = jobs.map((job) => this.#laneOf(job))
    const values = [
      this.queue,
      jobs.map(({ id }) => id),
      jobs.map(({ name }) => name),
      jobs.map(({ body }) => Buffer.from(body)),
      jobs.map(({ headers }) => JSON.stringify(headers)),
      jobs.map(({ priority }) => priority),
      lanes,
      jobs.map(({ autoAck }) => autoAck === true),
      jobs.map(({ delayMs }) => delayMs),
    ]
    if (lanes.every((lane) => lane === null)) await database.ask(statements.push, values)
    else
      await database.transaction([
        [statements.lockLanes, [this.queue, lanes]],
        [statements.push, values],
      ])
    database.bells.ring(this.queue)
  }

  async counts(): Promise<SourceCounts> {
    const { database } = this.#options
    const [counts] = await database.ask<Counts>(database.statements.counts, [this.queue])
    this.#oldestMs = counts?.oldest_ms ?? undefined
    return { active: counts?.active, delayed: counts?.delayed, reserved: counts?.reserved }
  }

  /** Age at the time of the last counts. */
  oldestMs(): number | undefined {
    return this.#oldestMs
  }

  /** Leaves the connections to the driver, which shares them. */
  async close(): Promise<void> {
    this.#persistence.end()
  }

  async #take(want: number): Promise<readonly Delivery[]> {
    const { database, clock, config } = this.#options
    const lease = randomUUID()
    const expiresAtMs = clock.nowMs() + config.lease
    const rows = await database.ask<JobRow>(database.statements.take, [
      this.queue,
      Math.min(want, config.prefetch),
      lease,
      config.lease,
    ])
    const ordered = rows.toSorted((a, b) => Number(BigInt(a.seq) - BigInt(b.seq)))
    return ordered.map((row) => this.#deliveryOf(row, lease, expiresAtMs))
  }

  #deliveryOf(row: JobRow, lease: string, expiresAtMs: number): Delivery {
    const { seq, id, name, body, headers, priority, lane, attempts } = row
    const attributes = { ApproximateReceiveCount: String(attempts), SentTimestamp: row.pushed_ms }
    return {
      id: seq,
      source: 'postgres',
      body,
      record: jobRecord({
        kind: 'postgres',
        id: seq,
        ownId: id,
        name,
        pipeline: this.#options.pipeline,
        queue: this.queue,
        receipt: lease,
        attributes,
      }),
      headers: isObject(headers) ? headersOf(headers) : {},
      attempt: attempts,
      priority,
      expiresAtMs,
      ...(lane === null ? {} : { lane }),
      ...(row.auto_ack ? { autoAck: true } : {}),
    }
  }

  /** Ms until the next job is due that waits for its time. */
  async #nextMs(): Promise<number> {
    const { database } = this.#options
    const [next] = await database.ask<{ after_ms: number | null }>(database.statements.next, [this.queue])
    return next?.after_ms ?? Number.POSITIVE_INFINITY
  }

  /** Runs a statement about deliveries, again while the database cannot be reached and their leases last. */
  async #about(deliveries: readonly Delivery[], text: string, more: readonly unknown[]): Promise<Faults> {
    const { database, clock, config } = this.#options
    const values = [...this.#keysOf(deliveries), ...more]
    const untilMs = clock.nowMs() + config.lease
    const { answer, isRepeated } = await this.#persistence.ask(
      () => database.ask<{ seq: string }>(text, values),
      untilMs,
    )
    // A statement whose answer was lost may have been carried out.
    return isRepeated ? deliveries.map(() => undefined) : faultsOf(deliveries, answer)
  }

  #keysOf(deliveries: readonly Delivery[]): readonly unknown[] {
    return [deliveries.map(({ id }) => id), deliveries.map((one) => receiptOf(one))]
  }

  #laneOf({ lane, headers }: NewJob): string | null {
    const { lane_header: header } = this.#options.config
    return lane ?? (header === '' ? undefined : headers[header]?.[0]) ?? null
  }

  async #keep({ delivery, why, attempt }: FailedDelivery): Promise<void> {
    const { database } = this.#options
    const [seq, lease] = [delivery.id, receiptOf(delivery)]
    const rows = await database.ask(database.statements.keep, [seq, lease, why, attempt])
    if (rows.length === 0) throw new LostMessage(lost)
    await this.#ring(delivery.lane !== undefined)
  }

  async #listFailed(max: number): Promise<readonly KeptMessage[]> {
    const { database } = this.#options
    const rows = await database.ask<FailedRow>(database.statements.failed, [this.queue, max])
    return rows.map(({ seq, name, attempts, error, failed_ms }) => {
      return { id: seq, name, attempt: attempts, why: error ?? '', atMs: failed_ms }
    })
  }

  async #redrive(ids?: readonly string[]): Promise<number> {
    const { database } = this.#options
    const known = ids?.filter((id) => /^\d{1,18}$/.test(id)) ?? null
    const rows = await database.ask(database.statements.redrive, [this.queue, known, database.names.table])
    await this.#ring(true)
    return rows.length
  }

  async #countFailed(): Promise<number> {
    const { database } = this.#options
    const [row] = await database.ask<{ count: number }>(database.statements.failedCount, [this.queue])
    return row?.count ?? 0
  }

  /** Wakes who waits for jobs here, and on other servers. */
  async #ring(isForOthers: boolean): Promise<void> {
    const { database } = this.#options
    database.bells.ring(this.queue)
    if (!isForOthers) return
    // Others look by themselves after their poll interval.
    await database.ask(database.statements.ring, [database.names.channel, this.queue]).catch(() => undefined)
  }
}

/** Returns a fault for each delivery that a statement did not find: it is lost. */
function faultsOf(deliveries: readonly Delivery[], rows: readonly { readonly seq: string }[]): Faults {
  const found = new Set(rows.map(({ seq }) => seq))
  return deliveries.map(({ id }) => (found.has(id) ? undefined : new LostMessage(lost)))
}
