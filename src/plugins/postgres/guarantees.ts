/** Promises of `postgres`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** A table that servers share. */
export const postgresGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: true,
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
