/** Promises of `redis`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** A stream with a consumer group. */
export const redisGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: false,
  delayMsMax: 365 * 86_400_000,
  leaseMsMin: 1000,
  abortedPulls: 'clean',
  duplicates: 'crash',
  attempts: 'deliveries',
  durable: true,
  shared: true,
  binary: true,
  counts: 'exact',
  failed: 'queue',
  deadLetters: 'none',
  fairness: 'borrowed',
  nacked: 'retried',
}
