/** A job in memory, which is its own delivery. */
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
  readonly source = 'memory'
  readonly id: string
  readonly body: Uint8Array | string
  readonly headers: Headers
  readonly priority: number
  readonly job: {
    readonly id: string
    readonly name: string
    readonly pipeline: string
    readonly queue: string
  }
  declare readonly autoAck?: true
  readonly pushedAtMs: number
  /** Deliveries so far. */
  attempt = 0
  /** Wall-clock ms until which it is held back. */
  readyAtMs = 0

  constructor(job: NewJob, { id, pipeline, priority, nowMs }: MemoryJobFacts) {
    this.id = id
    this.body = job.body
    this.headers = job.headers
    this.priority = job.priority >= 1 ? job.priority : priority
    this.job = { id: job.id, name: job.name, pipeline, queue: pipeline }
    this.pushedAtMs = nowMs
    if (job.autoAck === true) this.autoAck = true
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
