/**
 * The public API `relayrunner/work`: what plugins share that take work from a source and give it to workers. Nothing is exported by
 * `*`, nothing here runs.
 */
export { Dispatcher, type DispatcherOptions } from './dispatcher.js'
export { JobDriver, jobDriver, type Pipeline } from './driver.js'
export { faultOfError, makeFault, typedText, verdictOfError } from './fault.js'
export { type DriverGuarantees, leastGuarantees } from './guarantees.js'
export {
  decodeReply,
  encodeRequest,
  type HttpCodec,
  type HttpHead,
  type HttpReplyHead,
} from './http/message.js'
export type { HttpRequest, HttpSource, MultiValues } from './http/request.js'
export { Jobs, type JobsService } from './jobs.js'
export { KvDriver, type KvItem, type KvStorage, kvDriver } from './key-value.js'
export { PoisonRecords } from './poison-records.js'
export { Prefetch, type PrefetchMode } from './prefetch.js'
export type { Protocol } from './protocol.js'
export { jobsProtocol } from './protocols/jobs.js'
export { rawProtocol } from './protocols/raw.js'
export { recordHeaders } from './protocols/record-headers.js'
export type { SettledSource, SettleFaults } from './settler.js'
export type {
  Delivery,
  FailedDelivery,
  FailedStore,
  Headers,
  KeptMessage,
  NewJob,
  SettledDelivery,
  Source,
  SourceCounts,
} from './source.js'
export { type Asked, type Fault, FaultKind, type Verdict, type WorkerError } from './verdict.js'
export { type ExtenderOptions, VisibilityExtender } from './visibility-extender.js'
