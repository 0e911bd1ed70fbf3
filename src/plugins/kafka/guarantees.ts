/** Promises of `kafka`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** A consumer group. Jobs of one partition are in order; tries are counted as long as a server has the partition. */
export const kafkaGuarantees: DriverGuarantees = {
  ordered: false,
  lanes: true,
  delayMsMax: 0,
  leaseMsMin: 0,
  abortedPulls: 'clean',
  duplicates: 'crash',
  attempts: 'tries',
  durable: true,
  shared: true,
  binary: true,
  counts: 'exact',
  failed: 'queue',
  deadLetters: 'none',
  nacked: 'retried',
  fairness: 'borrowed',
}
