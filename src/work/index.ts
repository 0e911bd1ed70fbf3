/**
 * The public API `relayrunner/work`: what plugins share that take work from a source and give it to workers. Nothing is exported by
 * `*`, nothing here runs.
 */
export {
  type Delivery,
  type Headers,
  JobDriver,
  type NewJob,
  type Part,
  type Pipeline,
  type SettledDelivery,
  type Source,
  type SourceCounts,
} from './source.js'
export { type Fault, FaultKind, type Verdict, type WorkerError } from './verdict.js'
