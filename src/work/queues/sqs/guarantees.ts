/** Promises of queues of SQS. */
import type { DriverGuarantees } from '../../guarantees.js'

/** A standard queue. */
export const sqsGuarantees: DriverGuarantees = {
  ordered: false,
  lanes: false,
  delayMsMax: 900_000,
  leaseMsMin: 1000,
  abortedPulls: 'lease',
  duplicates: 'crash',
  attempts: 'deliveries',
  durable: true,
  shared: true,
  binary: false,
  counts: 'exact',
  failed: 'server',
  deadLetters: 'later',
  fairness: 'borrowed',
  nacked: 'retried',
}

/** A FIFO queue: its lanes are message groups. SQS delays whole FIFO queues only. */
export const sqsFifoGuarantees: DriverGuarantees = { ...sqsGuarantees, lanes: true, delayMsMax: 0 }
