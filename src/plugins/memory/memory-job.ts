/** A job in memory, which is its own delivery. Thousands of them wait: what can be made when a job runs is not kept. */
import type { Delivery, Headers, NewJob } from '../../work/index.js'
import { jobRecord } from '../../work/queues/job-record.js'

/** Facts that its queue knows. */
export interface MemoryJobFacts {
  readonly id: string
  readonly pipeline: string
  /** Priority of jobs that have none. */
  readonly priority: number
  readonly nowMs: number
}

/** One job. */
export class MemoryJob implements Delivery {
  readonly id: string
  readonly body: Uint8Array | string
  readonly headers: Headers
  readonly priority: number
  declare readonly autoAck?: true
  readonly pushedAtMs: number
  readonly #ownId: string
  readonly #name: string
  readonly #pipeline: string
  /** Deliveries so far. */
  attempt = 0
  /** Wall-clock ms until which it is held back. */
  readyAtMs = 0

  constructor(job: NewJob, { id, pipeline, priority, nowMs }: MemoryJobFacts) {
    this.id = id
    this.body = job.body
    this.headers = job.headers
    this.priority = job.priority >= 1 ? job.priority : priority
    this.#ownId = job.id
    this.#name = job.name
    this.#pipeline = pipeline
    this.pushedAtMs = nowMs
    if (job.autoAck === true) this.autoAck = true
  }

  get source(): string {
    return 'memory'
  }

  get job() {
    const pipeline = this.#pipeline
    return { id: this.#ownId, name: this.#name, pipeline, queue: pipeline }
  }

  /** Made when it is asked for: workers of RoadRunner's need none. */
  get record(): Delivery['record'] {
    const { id, name, pipeline } = this.job
    return jobRecord({
      kind: this.source,
      id: this.id,
      ownId: id,
      name,
      pipeline,
      queue: pipeline,
      attributes: {
        ApproximateReceiveCount: String(this.attempt),
        SentTimestamp: String(Math.round(this.pushedAtMs)),
      },
    })
  }
}
