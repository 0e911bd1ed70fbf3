/** Promises of `nats`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** A consumer of JetStream; one with `max_deliver` gives up by itself what fails for good. */
export const natsGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: false,
  delayMsMax: 365 * 86_400_000,
  leaseMsMin: 1000,
  abortedPulls: 'clean',
  duplicates: 'crash',
  // JetStream writes which messages were acknowledged to the disk a while after it has answered.
  forgottenMax: 40,
  attempts: 'deliveries',
  durable: true,
  shared: true,
  binary: true,
  counts: 'unknown',
  failed: 'queue',
  deadLetters: 'later',
  fairness: 'borrowed',
  nacked: 'retried',
}
