/** The port of a worker's protocol: what a job is made of, and what its reply means. Types only. */
import type { Job, Reply } from '../index.js'
import type { Delivery } from './source.js'
import type { Verdict } from './verdict.js'

/** Speaks to workers in one way. Pure. */
export interface Protocol {
  /** Makes the job of some deliveries, at least one. */
  toJob(deliveries: readonly Delivery[]): Job
  /** One verdict a delivery, in their order. */
  verdicts(reply: Reply, deliveries: readonly Delivery[]): readonly Verdict[]
}
