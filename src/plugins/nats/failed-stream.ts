/** The failed jobs of a pipeline, in a stream of their own beside its stream: `STREAM-failed`, one subject for each subject. */
import type { StoredMsg } from '@nats-io/jetstream'
import type { FailedDelivery, FailedStore, KeptMessage } from '../../work/source.js'
import type { Nats, NatsLink } from './connection.js'
import { own, ownText, setOwn } from './message.js'
import { orUndefined } from './stream.js'

/** Options of a store. */
export interface FailedStreamOptions {
  readonly nats: Nats
  readonly stream: string
  readonly subject: string
  readonly nowMs: () => number
  /** Acknowledges a delivery whose copy is kept. Rejects when it is lost. */
  readonly acknowledge: (failed: FailedDelivery) => Promise<void>
}

const streamMissing = 10_059
const messageMissing = 10_037
/** Messages that a redrive takes at once. */
const redriveMax = 100_000

/** A store. */
export class FailedStream implements FailedStore {
  readonly #options: FailedStreamOptions
  readonly #stream: string
  readonly #subject: string
  #isMade = false

  constructor(options: FailedStreamOptions) {
    this.#options = options
    this.#stream = `${options.stream}-failed`
    // Outside of what the pipeline's own stream may keep.
    this.#subject = `rr-failed.${options.stream}.${options.subject.replace(/[*>]/g, '_')}`
  }

  /** Keeps a copy first and acknowledges afterwards: between the two a crash makes two of it, and never none. */
  async keep(failed: FailedDelivery): Promise<void> {
    const { nats, nowMs, acknowledge } = this.#options
    const { delivery, why, attempt } = failed
    await nats.ask(async (link) => {
      await this.#make(link)
      const headers = link.newHeaders()
      for (const [key, values] of Object.entries(delivery.headers))
        if (isHeader(key)) for (const value of values) if (isHeaderValue(value)) headers.append(key, value)
      setOwn(headers, own.id, textAt(delivery.record, 'rr_id') ?? delivery.id)
      setOwn(headers, own.job, textAt(delivery.record, 'rr_job') ?? '')
      setOwn(headers, own.headers, JSON.stringify(delivery.headers))
      setOwn(headers, own.priority, String(delivery.priority))
      setOwn(headers, own.why, why)
      setOwn(headers, own.attempt, String(attempt))
      setOwn(headers, own.failedAt, String(nowMs()))
      await publish(link, this.#subject, delivery.body, headers)
    })
    await acknowledge(failed)
  }

  list(max: number): Promise<readonly KeptMessage[]> {
    return this.#options.nats.ask(async (link) => {
      const kept: KeptMessage[] = []
      for await (const { seq, header } of this.#messages(link, max))
        kept.push({
          id: String(seq),
          name: ownText(header, own.job) ?? '',
          attempt: Number(ownText(header, own.attempt) ?? 0) || undefined,
          why: ownText(header, own.why) ?? '',
          atMs: Number(ownText(header, own.failedAt) ?? 0) || undefined,
        })
      return kept
    })
  }

  redrive(ids?: readonly string[]): Promise<number> {
    return this.#options.nats.ask(async (link) => {
      let count = 0
      const wanted = ids === undefined ? undefined : new Set(ids)
      for await (const { seq, header, data } of this.#messages(link, redriveMax)) {
        if (wanted?.has(String(seq)) === false) continue
        for (const name of [own.why, own.attempt, own.failedAt]) header.delete(name)
        await publish(link, this.#options.subject, data, header)
        await link.manager.streams.deleteMessage(this.#stream, seq)
        count += 1
      }
      return count
    })
  }

  count(): Promise<number> {
    return this.#options.nats.ask(async ({ manager }) => {
      const query = { subjects_filter: this.#subject }
      const info = await orUndefined(manager.streams.info(this.#stream, query), streamMissing)
      return info?.state.subjects?.[this.#subject] ?? 0
    })
  }

  async *#messages({ manager }: NatsLink, max: number): AsyncGenerator<StoredMsg> {
    if ((await orUndefined(manager.streams.info(this.#stream), streamMissing)) === undefined) return
    for (let sequence = 1, count = 0; count < max; count += 1) {
      const query = { next_by_subj: this.#subject, seq: sequence }
      const message = await orUndefined(manager.streams.getMessage(this.#stream, query), messageMissing)
      if (message == null) return
      yield message
      sequence = message.seq + 1
    }
  }

  async #make({ manager }: NatsLink): Promise<void> {
    if (this.#isMade) return
    const found = await orUndefined(manager.streams.info(this.#stream), streamMissing)
    const subjects = [`rr-failed.${this.#options.stream}.>`]
    if (found === undefined) await manager.streams.add({ name: this.#stream, subjects })
    this.#isMade = true
  }
}

/** Publishes a message and waits until its stream has it. */
export async function publish(
  { connection }: NatsLink,
  subject: string,
  body: Uint8Array | string,
  headers: ReturnType<NatsLink['newHeaders']>,
): Promise<void> {
  const answer = await connection.request(subject, body, { headers, timeout: publishMsMax })
  const { error }: { readonly error?: { readonly description?: string } } = answer.json()
  if (error !== undefined)
    throw new Error(`JetStream refused the message: ${error.description ?? 'without a reason'}`)
}

const publishMsMax = 10_000

/** NATS takes no header names with blanks or colons, and no values with line ends. */
function isHeader(name: string): boolean {
  return /^[!-9;-~]+$/.test(name)
}
function isHeaderValue(value: string): boolean {
  return /^[ -~]*$/.test(value)
}

function textAt({ messageAttributes }: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const { stringValue }: { readonly stringValue?: unknown } = Object(Object(messageAttributes)[name])
  return typeof stringValue === 'string' ? stringValue : undefined
}
