/**
 * Runtime API and ledger of a soak: hands out batches of records until each has been done, and compares every answer with what
 * the workers wrote down. Trusts nothing that the server says about itself.
 */
import { once } from 'node:events'
import { closeSync, openSync, readSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Random } from '../src/core/random.js'

/** Faults that workers are told to show; the last one is none. */
const deeds = [
  'exit 0',
  'exit 1',
  'exit 2',
  'half frame',
  'error',
  'double',
  'late double',
  'flood',
  'ballast',
  'slow',
] as const

/** Counts of what became of all events and records. */
export interface SoakCounts {
  /** Records that were acknowledged after a worker had done them. */
  done: number
  /** Records that were acknowledged and that no worker had done. */
  phantom: number
  /** Times a record was reported as failed, so that it came again. */
  failed: number
  /** Events answered with an error. */
  errors: number
  /** Answers for an event that was answered before, or never handed out. */
  strange: number
  events: number
}

/** Options of a simulated Runtime API. */
export interface SoakOptions {
  readonly jobs: number
  readonly batch: number
  /** Probability that a record's first attempt goes wrong, from 0 to 1. */
  readonly faultShare: number
  readonly random: Random
  /** The file in which workers write down what they have done. */
  readonly doneFile: string
}

interface Record {
  readonly id: string
  readonly attempt: number
}

const eventMs = 20_000

/** Running API of a soak. */
export class SoakApi {
  readonly counts: SoakCounts = { done: 0, phantom: 0, failed: 0, errors: 0, strange: 0, events: 0 }
  /** Resolves when every record has been acknowledged. */
  readonly finished: Promise<void>
  readonly #options: SoakOptions
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  readonly #done = new DoneFile()
  readonly #open = new Map<string, readonly Record[]>()
  readonly #again: Record[] = []
  #next = 0
  #finish!: () => void

  constructor(options: SoakOptions) {
    this.#options = options
    this.finished = new Promise((resolve) => {
      this.#finish = resolve
    })
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
    this.#done.close()
  }

  /** Records that are in no final state: in hand, or to come again. */
  get openCount(): number {
    return this.#options.jobs - this.counts.done - this.counts.phantom
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const [, id, what] = /invocation\/([^/]+)\/?(response|error)?$/.exec(request.url ?? '') ?? []
    if (id === 'next') this.#hand(response)
    else {
      if (id !== undefined && what !== undefined) this.#settle(id, what, Buffer.concat(chunks).toString())
      response.writeHead(202).end('{}')
    }
  }

  #hand(response: ServerResponse): void {
    const records = this.#draw()
    // Nothing left: a long poll that the end of the soak closes.
    if (records.length === 0) return
    const id = `event-${this.counts.events}`
    this.counts.events += 1
    this.#open.set(id, records)
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': id,
      'Lambda-Runtime-Deadline-Ms': String(Date.now() + eventMs),
      'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:us-east-1:123456789012:function:soak',
    })
    response.end(JSON.stringify({ Records: records.map((record) => this.#sqs(record)) }))
  }

  #draw(): readonly Record[] {
    const { jobs, batch } = this.#options
    const records = this.#again.splice(0, batch)
    for (; records.length < batch && this.#next < jobs; this.#next += 1)
      records.push({ id: `record-${this.#next}`, attempt: 1 })
    return records
  }

  #sqs({ id, attempt }: Record) {
    const { faultShare, random } = this.#options
    const isFault = attempt === 1 && random() < faultShare
    const deed = isFault ? deeds[Math.floor(random() * deeds.length)] : 'none'
    return {
      messageId: id,
      receiptHandle: id,
      body: JSON.stringify({ id, attempt, deed }),
      attributes: { ApproximateReceiveCount: String(attempt) },
      messageAttributes: {},
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:soak',
      awsRegion: 'us-east-1',
    }
  }

  #settle(id: string, what: string, body: string): void {
    const records = this.#open.get(id)
    if (records === undefined || !this.#open.delete(id)) {
      this.counts.strange += 1
      return
    }
    if (what === 'error') this.counts.errors += 1
    const failed = what === 'error' ? undefined : failuresIn(body)
    const done = this.#done.read(this.#options.doneFile)
    for (const record of records) {
      if (failed === undefined || failed.has(record.id)) {
        this.counts.failed += 1
        this.#again.push({ id: record.id, attempt: record.attempt + 1 })
      } else if (done.has(`${record.id} ${record.attempt}`)) this.counts.done += 1
      else this.counts.phantom += 1
      // A later attempt must do the work again.
      done.delete(`${record.id} ${record.attempt}`)
    }
    if (this.openCount === 0) this.#finish()
  }
}

function failuresIn(body: string): ReadonlySet<string> {
  const answer: { batchItemFailures?: { itemIdentifier: string }[] } = JSON.parse(body)
  return new Set((answer.batchItemFailures ?? []).map(({ itemIdentifier }) => itemIdentifier))
}

/** Reads what has been added to the file. */
class DoneFile {
  readonly #lines = new Set<string>()
  readonly #buffer = Buffer.alloc(2 ** 16)
  #fd: number | undefined
  #rest = ''

  read(path: string): Set<string> {
    this.#fd ??= openSync(path, 'r')
    for (let got = this.#more(); got > 0; got = this.#more()) {
      const pieces = (this.#rest + this.#buffer.toString('latin1', 0, got)).split('\n')
      this.#rest = pieces.pop() ?? ''
      for (const line of pieces) this.#lines.add(line)
    }
    return this.#lines
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }

  #more(): number {
    return this.#fd === undefined ? 0 : readSync(this.#fd, this.#buffer, 0, this.#buffer.length, null)
  }
}
