/** Promises of `memory`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** A queue of one process, which ends with it. */
export const memoryGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: false,
  delayMsMax: 86_400_000,
  leaseMsMin: 0,
  abortedPulls: 'clean',
  duplicates: 'never',
  attempts: 'deliveries',
  durable: false,
  shared: false,
  binary: true,
  counts: 'exact',
  failed: 'server',
  deadLetters: 'none',
  fairness: 'queue',
  nacked: 'dropped',
}
