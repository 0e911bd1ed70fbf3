/** Promises of `amqp`. */
import type { DriverGuarantees } from '../../work/guarantees.js'

/** A classic queue with the default keys; a quorum queue counts what was released as well. */
export const amqpGuarantees: DriverGuarantees = {
  ordered: true,
  lanes: false,
  delayMsMax: 2_147_483_647,
  leaseMsMin: 0,
  abortedPulls: 'clean',
  duplicates: 'crash',
  // A classic queue writes acknowledgements to the disk a while after it has heard them.
  forgottenMax: 60,
  attempts: 'tries',
  durable: true,
  shared: true,
  binary: true,
  counts: 'unknown',
  failed: 'queue',
  deadLetters: 'atOnce',
  fairness: 'borrowed',
  nacked: 'dropped',
}
