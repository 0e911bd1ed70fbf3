/** The queue of a Laravel application as a source of deliveries. */
import { createHash } from 'node:crypto'
import { type Clock, type ConfigOf, ErrorCode, RelayError } from '../../index.js'
import { jobRecord } from '../../work/queues/job-record.js'
import { readPayload, withoutAttempts } from '../../work/queues/laravel-payload.js'
import { LostMessage } from '../../work/queues/lost-message.js'
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
import type { RedisConnection } from './connection.js'
import { laravelRedisGuarantees } from './guarantees.js'
import type { laravelRedisPart } from './part.js'
import {
  deleteScript,
  extendScript,
  keepScript,
  laterScript,
  pushScript,
  redriveScript,
  releaseScript,
  takeScript,
} from './scripts.js'

type Faults = readonly (Error | undefined)[]

/** Options of a source. */
export interface LaravelRedisOptions {
  readonly connection: RedisConnection
  readonly clock: Clock
  readonly pipeline: string
  readonly config: ConfigOf<typeof laravelRedisPart.properties>
}

/** Jobs of one pull at most, so that the script does not hold up Redis. */
const takeMax = 100
/** Longest wait for a hint, which a job that becomes due by time does not give. */
const hintSecondsMax = 5
const waitMsDefault = 20_000

/** A source. Two jobs with the same bytes are one in Redis's sorted sets, as they are for Laravel, whose ids make each different. */
export class LaravelRedisSource implements Source {
  readonly guarantees = laravelRedisGuarantees
  readonly failed: FailedStore
  readonly #options: LaravelRedisOptions
  /** The form in which a delivery is reserved. */
  readonly #reserved = new WeakMap<Delivery, string>()
  readonly #ready: string
  readonly #delayedKey: string
  readonly #reservedKey: string
  readonly #notify: string
  readonly #failedKey: string
  /** The wait for a hint, which outlives a pull that was aborted. */
  #hint: Promise<unknown> | undefined

  constructor(options: LaravelRedisOptions) {
    this.#options = options
    const { prefix, queue } = options.config
    this.#ready = `${prefix}queues:${queue}`
    this.#delayedKey = `${this.#ready}:delayed`
    this.#reservedKey = `${this.#ready}:reserved`
    this.#notify = `${this.#ready}:notify`
    this.#failedKey = `${this.#ready}:relayrunner-failed`
    this.failed = {
      keep: (failed) => this.#keep(failed),
      list: (max) => this.#list(max),
      redrive: (ids) => this.#redrive(ids),
      count: () => this.#ask((redis) => redis.llen(this.#failedKey)),
    }
  }

  async pull(want: number, signal: AbortSignal, waitMs = waitMsDefault): Promise<readonly Delivery[]> {
    const { clock } = this.#options
    const endMs = clock.nowMs() + waitMs
    while (!signal.aborted) {
      const { deliveries, dueMs } = await this.#take(Math.min(want, takeMax))
      const leftMs = endMs - clock.nowMs()
      if (deliveries.length > 0 || leftMs <= 0) return deliveries
      await this.#wait(Math.min(leftMs, Math.max(dueMs - clock.nowMs(), 50)), signal)
    }
    return []
  }

  async settle(items: readonly SettledDelivery[]): Promise<Faults> {
    const over = items.filter(({ verdict }) => verdict.kind !== 'retry')
    const again = items.filter(({ verdict }) => verdict.kind === 'retry')
    const faults = new Map<SettledDelivery, Error | undefined>()
    const note = (list: readonly SettledDelivery[], found: readonly number[]) => {
      for (const [at, item] of list.entries()) faults.set(item, lostUnless(found[at] === 1))
    }
    if (over.length > 0)
      note(
        over,
        await this.#numbers(
          deleteScript,
          [this.#reservedKey],
          over.map(({ delivery }) => this.#formOf(delivery)),
        ),
      )
    if (again.length > 0) {
      const words = again.flatMap(({ delivery, verdict }) => [
        this.#formOf(delivery),
        String(this.#secondsIn(verdict.kind === 'retry' ? (verdict.afterMs ?? 0) : 0)),
      ])
      note(again, await this.#numbers(laterScript, [this.#reservedKey, this.#delayedKey], words))
    }
    return items.map((item) => faults.get(item))
  }

  async extend(deliveries: readonly Delivery[], byMs: number): Promise<Faults> {
    const forms = deliveries.map((delivery) => this.#formOf(delivery))
    const until = String(this.#secondsIn(byMs))
    const found = await this.#numbers(extendScript, [this.#reservedKey], [until, ...forms])
    return found.map((one) => lostUnless(one === 1))
  }

  async release(deliveries: readonly Delivery[]): Promise<void> {
    const words = deliveries
      .toReversed()
      .flatMap((delivery) => [this.#formOf(delivery), String(delivery.body)])
    await this.#eval(releaseScript, [this.#reservedKey, this.#ready, this.#notify], words)
  }

  /** Takes payloads of Laravel only: its workers would lose any other body. */
  async push(jobs: readonly NewJob[]): Promise<void> {
    const bodies = jobs.map((job) => payloadOf(job))
    const now = bodies.filter((_, at) => (jobs[at]?.delayMs ?? 0) <= 0)
    if (now.length > 0) await this.#eval(pushScript, [this.#ready, this.#notify], now)
    for (const [at, body] of bodies.entries()) {
      const delayMs = jobs[at]?.delayMs ?? 0
      if (delayMs > 0)
        await this.#ask((redis) => redis.zadd(this.#delayedKey, this.#secondsIn(delayMs), body))
    }
  }

  async counts(): Promise<SourceCounts> {
    const [active, delayed, reserved] = await this.#ask((redis) =>
      Promise.all([redis.llen(this.#ready), redis.zcard(this.#delayedKey), redis.zcard(this.#reservedKey)]),
    )
    return { active, delayed, reserved }
  }

  async close(): Promise<void> {
    this.#options.connection.close()
  }

  async #take(want: number): Promise<{ deliveries: readonly Delivery[]; dueMs: number }> {
    const { clock, config } = this.#options
    const until = this.#secondsIn(config.retry_after * 1000)
    const keys = [this.#ready, this.#delayedKey, this.#reservedKey, this.#notify]
    const answer = await this.#eval(takeScript, keys, [
      String(Math.floor(clock.nowMs() / 1000)),
      String(until),
      String(want),
    ])
    const words = Array.isArray(answer) ? answer.map(String) : []
    const due = words.at(-1) ?? ''
    const deliveries: Delivery[] = []
    for (let at = 0; at + 2 < words.length; at += 2)
      deliveries.push(this.#delivery(words[at] ?? '', words[at + 1] ?? '', until * 1000))
    return { deliveries, dueMs: due === '' ? Number.POSITIVE_INFINITY : Number(due) * 1000 }
  }

  #delivery(body: string, reserved: string, expiresAtMs: number): Delivery {
    const { config, pipeline } = this.#options
    const payload = readPayload(body)
    const id = payload?.id || createHash('sha256').update(body).digest('hex').slice(0, 32)
    const kind = 'laravel-redis'
    const delivery: Delivery = {
      id,
      source: kind,
      body,
      record: jobRecord({ kind, id, ownId: id, name: payload?.name, pipeline, queue: config.queue }),
      headers: {},
      attempt: (payload?.attempts ?? 0) + 1,
      priority: config.priority,
      expiresAtMs,
    }
    this.#reserved.set(delivery, reserved)
    return delivery
  }

  /** Waits for a hint that a job is ready, for the time until one is due, or for the end of the pull. */
  async #wait(waitMs: number, signal: AbortSignal): Promise<void> {
    const { connection } = this.#options
    const seconds = Math.min(hintSecondsMax, waitMs / 1000)
    // The clock of a hint that is still being waited for may be longer: what is due is then seen later, by some seconds at most.
    this.#hint ??= connection.waiting.blpop(this.#notify, seconds).finally(() => {
      this.#hint = undefined
    })
    const hint = this.#hint.catch((error: unknown) => {
      throw connection.fault(error)
    })
    let abort = () => {}
    const aborted = new Promise<void>((resolve) => {
      abort = resolve
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) resolve()
    })
    try {
      await Promise.race([hint, aborted])
    } finally {
      signal.removeEventListener('abort', abort)
      hint.catch(() => undefined)
    }
  }

  async #keep({ delivery, why, attempt }: FailedDelivery): Promise<void> {
    const atMs = this.#options.clock.nowMs()
    const row = JSON.stringify({ id: delivery.id, why, attempt, atMs, body: String(delivery.body) })
    const found = await this.#eval(
      keepScript,
      [this.#reservedKey, this.#failedKey],
      [this.#formOf(delivery), row],
    )
    if (found !== 1) throw lost()
  }

  async #list(max: number): Promise<readonly KeptMessage[]> {
    const rows = await this.#ask((redis) => redis.lrange(this.#failedKey, 0, max - 1))
    return rows.map((row) => {
      const { id, why, attempt, atMs, body } = keptRow(row)
      return { id, name: readPayload(body)?.name ?? '', why, attempt, atMs }
    })
  }

  async #redrive(ids?: readonly string[]): Promise<number> {
    const rows = await this.#ask((redis) => redis.lrange(this.#failedKey, 0, -1))
    let count = 0
    for (const row of rows) {
      const { id, body } = keptRow(row)
      if (ids !== undefined && !ids.includes(id)) continue
      const keys = [this.#failedKey, this.#ready, this.#notify]
      if ((await this.#eval(redriveScript, keys, [row, withoutAttempts(body)])) === 1) count += 1
    }
    return count
  }

  #formOf(delivery: Delivery): string {
    return this.#reserved.get(delivery) ?? ''
  }

  /** Unix time in seconds, as Laravel counts: the second in which the time is over. */
  #secondsIn(ms: number): number {
    return Math.ceil((this.#options.clock.nowMs() + ms) / 1000)
  }

  async #numbers(
    script: string,
    keys: readonly string[],
    words: readonly string[],
  ): Promise<readonly number[]> {
    const answer = await this.#eval(script, keys, words)
    return Array.isArray(answer) ? answer.map(Number) : []
  }

  #eval(script: string, keys: readonly string[], words: readonly string[]): Promise<unknown> {
    return this.#ask((redis) => redis.eval(script, keys.length, ...keys, ...words))
  }

  async #ask<T>(command: (redis: RedisConnection['commands']) => Promise<T>): Promise<T> {
    const { connection } = this.#options
    try {
      return await command(connection.commands)
    } catch (error) {
      throw connection.fault(error)
    }
  }
}

function lostUnless(isThere: boolean): Error | undefined {
  return isThere ? undefined : lost()
}

function lost(): LostMessage {
  return new LostMessage('the job was not reserved any more: its time was over, or another worker ended it')
}

function payloadOf({ body, headers }: NewJob): string {
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8')
  if (readPayload(text) === undefined)
    throw new RelayError(ErrorCode.RpcFailed, 'a queue of Laravel takes payloads of Laravel only', {
      hint: 'Dispatch the job in the application, or push what its queue wrote.',
    })
  if (Object.keys(headers).length > 0)
    throw new RelayError(ErrorCode.RpcFailed, 'a payload of Laravel has no room for headers', {
      hint: 'Push the job without headers.',
    })
  return text
}

interface KeptRow {
  readonly id: string
  readonly why: string
  readonly attempt: number
  readonly atMs: number
  readonly body: string
}

/** Reads a row that `keep` wrote. */
function keptRow(row: string): KeptRow {
  return JSON.parse(row)
}
