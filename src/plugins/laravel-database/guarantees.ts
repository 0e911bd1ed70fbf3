/** Promises of `laravel-database`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** The table of a Laravel application, which servers and Laravel's own workers share. A released job gets its count back. */
export const laravelDatabaseGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: false,
  delayMsMax: 365 * 86_400_000,
  leaseMsMin: 1000,
  abortedPulls: 'clean',
  duplicates: 'crash',
  attempts: 'tries',
  durable: true,
  shared: true,
  binary: true,
  counts: 'exact',
  failed: 'queue',
  deadLetters: 'none',
  fairness: 'borrowed',
  nacked: 'retried',
}
