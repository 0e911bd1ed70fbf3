/** The `jobs` table of a Laravel application as a source of deliveries. */
import { randomUUID } from 'node:crypto'
import { type Clock, type ConfigOf, isObject, onAbort, parseJson, textOf } from '../../index.js'
import { jobRecord } from '../../work/queues/job-record.js'
import { readPayload } from '../../work/queues/laravel-payload.js'
import { LostMessage } from '../../work/queues/lost-message.js'
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
import { openEnvelope, payloadOfJob } from './envelope.js'
import { laravelDatabaseGuarantees } from './guarantees.js'
import type { JobTable, LookTimes, NewRow, TakenRow } from './job-table.js'
import type { laravelDatabasePart } from './part.js'

/** Options of a source. */
export interface LaravelDatabaseOptions {
  readonly jobs: JobTable
  readonly clock: Clock
  readonly pipeline: string
  readonly config: ConfigOf<typeof laravelDatabasePart.properties>
}

type Faults = readonly (Error | undefined)[]

/** Jobs of one transaction at most, so that it does not hold up others. */
const takeMax = 100
const waitMsDefault = 20_000
/** Ending of the name of the queue that keeps the failed jobs of another one; no worker takes from it. */
const failedSuffix = ':relayrunner-failed'
const kind = 'laravel-database'

/** A source. */
export class LaravelDatabaseSource implements Source {
  readonly guarantees = laravelDatabaseGuarantees
  readonly failed: FailedStore
  readonly queue: string
  readonly #options: LaravelDatabaseOptions
  readonly #persistence: Persistence
  readonly #rows = new WeakMap<Delivery, TakenRow>()
  readonly #failedQueue: string
  #wake: (() => void) | undefined
  #oldestMs: number | undefined

  constructor(options: LaravelDatabaseOptions) {
    this.#options = options
    this.#persistence = new Persistence(options.clock)
    this.queue = options.config.queue
    this.#failedQueue = `${this.queue}${failedSuffix}`
    this.failed = {
      keep: (failed) => this.#keep(failed),
      list: (max) => this.#list(max),
      redrive: (ids) => this.#redrive(ids),
      count: () => options.jobs.size(this.#failedQueue),
    }
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { clock, config } = this.#options
    const endMs = clock.monotonicMs() + waitMs
    while (!signal.aborted) {
      let isWoken = false
      this.#wake = () => {
        isWoken = true
      }
      const taken = await this.#take(want)
      const leftMs = endMs - clock.monotonicMs()
      if (taken.length > 0 || leftMs <= 0) return taken
      if (!isWoken) await this.#wait(Math.min(leftMs, config.poll_interval), signal)
    }
    return []
  }

  settle(items: readonly SettledDelivery[]): Promise<Faults> {
    const deliveries = items.map(({ delivery }) => delivery)
    return this.#about(deliveries, (rows) =>
      this.#options.jobs.end(this.queue, rows, (found) =>
        items.flatMap(({ verdict }, at) => {
          const row = rows[at]
          return verdict.kind === 'retry' && row !== undefined && found.has(row.id)
            ? [this.#again(row, verdict.afterMs ?? 0)]
            : []
        }),
      ),
    )
  }

  extend(deliveries: readonly Delivery[], byMs: number): Promise<Faults> {
    const reservedAt = this.#secondsIn(byMs) - this.#options.config.retry_after
    return this.#about(deliveries, (rows) => this.#options.jobs.extend(rows, reservedAt))
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    await this.#options.jobs.release(this.#rowsOf(deliveries))
    this.#wake?.()
  }

  /** Takes any job: what Laravel did not write goes into an envelope. */
  async push(jobs: readonly NewJob[]): Promise<void> {
    const rows = jobs.map((job) => this.#newRow(payloadOfJob(job, randomUUID()), job.delayMs))
    await this.#options.jobs.push(this.queue, rows)
    this.#wake?.()
  }

  async counts(): Promise<SourceCounts> {
    const { counts, oldest } = await this.#options.jobs.counts(this.queue, this.#times())
    this.#oldestMs =
      oldest === undefined ? undefined : Math.max(0, this.#options.clock.nowMs() - oldest * 1000)
    return counts
  }

  /** Age at the time of the last counts. */
  oldestMs(): number | undefined {
    return this.#oldestMs
  }

  async close(): Promise<void> {
    this.#persistence.end()
    await this.#options.jobs.close()
  }

  async #take(want: number): Promise<readonly Delivery[]> {
    const { jobs, config } = this.#options
    const reservedAt = this.#secondsIn(0)
    const rows = await jobs.take(this.queue, Math.min(want, takeMax), this.#times(), reservedAt)
    return rows.map((row) => this.#deliveryOf(row, (reservedAt + config.retry_after) * 1000))
  }

  #deliveryOf(row: TakenRow, expiresAtMs: number): Delivery {
    const { config, pipeline } = this.#options
    const enveloped = openEnvelope(row.payload)
    const payload = readPayload(row.payload)
    // The row's own id changes with a retry.
    const id = payload?.id || row.id
    const delivery: Delivery = {
      id,
      source: kind,
      body: enveloped?.body ?? row.payload,
      record: jobRecord({
        kind,
        id,
        ownId: enveloped?.id ?? id,
        name: enveloped?.name ?? payload?.name,
        pipeline,
        queue: this.queue,
        receipt: row.id,
        attributes: {
          ApproximateReceiveCount: String(row.attempts),
          SentTimestamp: String(row.createdAt * 1000),
        },
      }),
      headers: enveloped?.headers ?? {},
      attempt: row.attempts,
      priority: enveloped?.priority ?? config.priority,
      expiresAtMs,
      ...(enveloped?.autoAck === true ? { autoAck: true } : {}),
    }
    this.#rows.set(delivery, row)
    return delivery
  }

  /** Makes the row of a released job as Laravel does: a new one, behind those that wait, with its count. */
  #again({ payload, attempts }: TakenRow, afterMs: number): NewRow {
    return { ...this.#newRow(payload, afterMs), attempts }
  }

  #newRow(payload: string, delayMs: number): NewRow {
    const createdAt = Math.floor(this.#options.clock.nowMs() / 1000)
    return {
      payload,
      attempts: 0,
      createdAt,
      availableAt: delayMs > 0 ? this.#secondsIn(delayMs) : createdAt,
    }
  }

  /** Does something about deliveries, again while the database cannot be reached and their reservations last. */
  async #about(
    deliveries: readonly Delivery[],
    work: (rows: readonly TakenRow[]) => Promise<ReadonlySet<string>>,
  ): Promise<Faults> {
    const { clock, config } = this.#options
    const rows = this.#rowsOf(deliveries)
    const untilMs = clock.nowMs() + config.retry_after * 1000
    const { answer, isRepeated } = await this.#persistence.ask(() => work(rows), untilMs)
    this.#wake?.()
    // A transaction whose answer was lost may have been carried out.
    return rows.map(({ id }) => (isRepeated || answer.has(id) ? undefined : lost()))
  }

  #rowsOf(deliveries: readonly Delivery[]): readonly TakenRow[] {
    return deliveries.map((one) => this.#rows.get(one) ?? { id: '0', payload: '', attempts: 0, createdAt: 0 })
  }

  async #keep({ delivery, why, attempt }: FailedDelivery): Promise<void> {
    const [row] = this.#rowsOf([delivery])
    const kept = { id: delivery.id, why, attempt, atMs: this.#options.clock.nowMs(), payload: row?.payload }
    const isMoved =
      row !== undefined && (await this.#options.jobs.move(row, this.#failedQueue, JSON.stringify(kept)))
    if (!isMoved) throw lost()
  }

  async #list(max: number): Promise<readonly KeptMessage[]> {
    const rows = await this.#options.jobs.list(this.#failedQueue, max)
    return rows.map((row) => {
      const { id, why, attempt, atMs, payload } = keptOf(row.payload)
      return { id, why, attempt, atMs, name: openEnvelope(payload)?.name ?? readPayload(payload)?.name ?? '' }
    })
  }

  async #redrive(ids?: readonly string[]): Promise<number> {
    const count = await this.#options.jobs.replace(this.#failedQueue, this.queue, (row) => {
      const { id, payload } = keptOf(row.payload)
      return ids === undefined || ids.includes(id) ? this.#newRow(payload, 0) : undefined
    })
    this.#wake?.()
    return count
  }

  #times(): LookTimes {
    const now = Math.floor(this.#options.clock.nowMs() / 1000)
    return { now, expired: now - this.#options.config.retry_after }
  }

  /** Unix time in seconds, as Laravel counts: the second in which the time is over. */
  #secondsIn(ms: number): number {
    return Math.ceil((this.#options.clock.nowMs() + ms) / 1000)
  }

  #wait(forMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        timer.clear()
        stopListening()
        resolve()
      }
      const timer = this.#options.clock.timer(forMs, end)
      const stopListening = onAbort(signal, end)
      this.#wake = end
    })
  }
}

function lost(): LostMessage {
  return new LostMessage('the job was not reserved any more: its time was over, or another worker ended it')
}

interface Kept {
  readonly id: string
  readonly why: string
  readonly attempt: number | undefined
  readonly atMs: number | undefined
  readonly payload: string
}

/** Reads what `#keep` wrote. */
function keptOf(text: string): Kept {
  const value = parseJson(text)
  const { id, why, attempt, atMs, payload } = isObject(value) ? value : {}
  return {
    id: textOf(id) ?? '',
    why: textOf(why) ?? '',
    attempt: typeof attempt === 'number' ? attempt : undefined,
    atMs: typeof atMs === 'number' ? atMs : undefined,
    payload: textOf(payload) ?? '',
  }
}
