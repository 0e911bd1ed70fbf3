/** Promises of `laravel-redis`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** The queue of a Laravel application: bodies are payloads in JSON, and a released one is put back as it was. */
export const laravelRedisGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: false,
  delayMsMax: 365 * 86_400_000,
  leaseMsMin: 1000,
  abortedPulls: 'clean',
  duplicates: 'crash',
  attempts: 'tries',
  durable: true,
  shared: true,
  binary: false,
  counts: 'exact',
  failed: 'queue',
  deadLetters: 'none',
  fairness: 'borrowed',
  nacked: 'retried',
}
