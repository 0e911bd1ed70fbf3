/**
 * The promises of a queue in one description: the plugin `jobs` acts by it, the conformance suite of drivers tests it, and the table in
 * docs/queues.md is held to it. Types and the least; no driver lives here.
 */

/** Promises of a driver, or of one of its queues. A promise that is kept only sometimes must not be made. */
export interface DriverGuarantees {
  /** Jobs without a lane are delivered in the order in which they were pushed. */
  readonly ordered: boolean
  /** Jobs of a lane are delivered one at a time and in their order. */
  readonly lanes: boolean
  /** Longest delay of a new job in ms; 0: it takes none. */
  readonly delayMsMax: number
  /** Shortest lease that a queue can be given, in ms; 0: a delivery comes again only when its connection has ended. */
  readonly leaseMsMin: number
  /** Cost of a pull that is aborted while a job arrives: none, or the job waits for the end of its lease. */
  readonly abortedPulls: 'clean' | 'lease'
  /** Times at which a job may be done twice: `never`; `crash`: when a server or the broker ends while the job is in hand; `always`: at any time. */
  readonly duplicates: 'never' | 'crash' | 'always'
  /** Acknowledgements that a broker may forget when it is killed, beside what was in hand; absent: none. */
  readonly forgottenMax?: number
  /**
   * Count of `Delivery.attempt`: each delivery, those that were released included; tries only; or nothing, where it is null and `jobs`
   * counts as long as it runs.
   */
  readonly attempts: 'deliveries' | 'tries' | 'none'
  /** Jobs outlive a server that is killed. */
  readonly durable: boolean
  /** Two servers may work on one queue. */
  readonly shared: boolean
  /** Bodies may be any bytes, not only text. */
  readonly binary: boolean
  /** Numbers of `Source.counts`. */
  readonly counts: 'exact' | 'unknown'
  /** Place of a job that failed for good: in the queue (`Source.failed`), or by the server, hidden in the queue while it runs. */
  readonly failed: 'queue' | 'server'
  /**
   * Policy of the queue's own for such a job, which it may have: none; one that moves it as soon as it is settled; one that moves it
   * with a later delivery. `Source.keepsFailed` says whether it has.
   */
  readonly deadLetters: 'none' | 'atOnce' | 'later'
  /** Jobs among which tenants take turns, where a pipeline asks for it (`fair_by`): all of the queue, or those that a server has borrowed. */
  readonly fairness: 'queue' | 'borrowed'
  /** End of a job that a worker of RoadRunner's does not acknowledge: dropped, as by RoadRunner's driver of this name, or tried again. */
  readonly nacked: 'dropped' | 'retried'
  /** Ms until a failed job comes again, where the queue's own settings say so; absent: the caller of `settle` decides. */
  readonly retryMs?: number | undefined
}

/** The least that every queue gives. A driver names what it promises beyond that: `{ ...leastGuarantees, ordered: true }`. */
export const leastGuarantees: DriverGuarantees = {
  ordered: false,
  lanes: false,
  delayMsMax: 0,
  leaseMsMin: 0,
  abortedPulls: 'lease',
  duplicates: 'always',
  attempts: 'deliveries',
  durable: false,
  shared: false,
  binary: false,
  counts: 'unknown',
  failed: 'server',
  deadLetters: 'none',
  fairness: 'borrowed',
  nacked: 'retried',
}
