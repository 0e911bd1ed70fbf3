/** Promises of `journal` and `boltdb`. */
import type { DriverGuarantees } from '../../guarantees.js'

/** A queue on the disk of one server. */
export const journalGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: true,
  delayMsMax: 365 * 86_400_000,
  leaseMsMin: 0,
  abortedPulls: 'clean',
  duplicates: 'crash',
  attempts: 'deliveries',
  durable: true,
  shared: false,
  binary: true,
  counts: 'exact',
  failed: 'queue',
  deadLetters: 'none',
  fairness: 'queue',
  nacked: 'retried',
}
