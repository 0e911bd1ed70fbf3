/** Promises of `beanstalk`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** A tube. */
export const beanstalkGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: false,
  delayMsMax: 365 * 86_400_000,
  leaseMsMin: 2000,
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
