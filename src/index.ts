/**
 * The public API for plugin authors; built-in plugins import only this. Nothing is exported by `*`, nothing here runs.
 */

export { BoltDb, type BoltDbFiles } from './contracts/boltdb.js'
export { HttpMiddleware, type Next } from './contracts/http-middleware.js'
export {
  type Metric,
  type MetricAbout,
  type MetricKind,
  type MetricSeries,
  Metrics,
  type MetricsService,
} from './contracts/metrics.js'
export { Probe } from './contracts/probe.js'
export {
  type BatchEnd,
  type FailedRecord,
  RuntimeApi,
  type RuntimeApiFacts,
  type RuntimeApiService,
} from './contracts/runtime-api.js'
export {
  type TraceAttributes,
  type TraceEnd,
  type TraceStart,
  Tracing,
  type TracingService,
  type WorkTrace,
} from './contracts/tracing.js'
export { onAbort, type Undo } from './core/abort.js'
export { unreachable } from './core/assert.js'
export { type Clock, sleep, systemClock, type Timer } from './core/clock.js'
export { type Deferred, deferred } from './core/deferred.js'
export { ErrorCode, hasCode, messageOf, RelayError, type RelayErrorOptions } from './core/errors.js'
export { isObject, type JsonObject, objectOf, parseJson, textOf } from './core/json.js'
export { isLoopback } from './core/loopback.js'
export { packageFile } from './core/package-files.js'
export { listen, listenAddress } from './ipc/address.js'
export {
  type FieldKind,
  type MessageFields,
  type MessageValue,
  protoMessage,
  type TableMessage,
} from './ipc/rpc/message-table.js'
export type { ProtoMessage, RemoteProcedure } from './ipc/rpc/procedure.js'
export { type Shape, type ShapeOf, shape } from './ipc/rpc/shape.js'
export { type Journal, type JournalChange, type JournalOptions, openJournal } from './journal/journal.js'
export { type LogFields, type Logger, LogLevel, silentLogger } from './logging/logger.js'
export { type DefaultsOf, defaultsOf } from './schema/defaults.js'
export { type Config, defineConfig } from './schema/define-config.js'
export type { ConfigOf, Part, Properties, Schema } from './schema/kinds.js'
export {
  mapSection,
  required,
  type Section,
  type SectionCheck,
  type SectionConfig,
  type SectionFault,
  secret,
  section,
  type Variant,
  variant,
} from './schema/section.js'
export { Codec, type Job, type JobTags, type Reply, type RunOptions } from './supervisor/job.js'
export type { LedgerCounts, LedgerEnd, LedgerEntry, LedgerService, LedgerView } from './supervisor/ledger.js'
export type {
  LiveDocument,
  LiveFailure,
  LiveLine,
  LivePool,
  LiveQueue,
  LiveWorker,
  StackDocument,
} from './supervisor/live/document.js'
export type { LiveStateService, PoolTotals, SeenLines } from './supervisor/live/live-state.js'
export {
  type KeptJob,
  type QueueControl,
  type QueueState,
  QueueStates,
  type QueueStatesService,
} from './supervisor/live/queue-states.js'
export { descriptorsMax } from './supervisor/machine/limits.js'
export {
  type Announcement,
  type AnyPlugin,
  apiVersion,
  definePlugin,
  type Needs,
  type PluginDefinition,
  type PluginLife,
  type PluginParts,
  type PluginTimeouts,
  type Provided,
  type Provides,
  type ResolvedNeeds,
  type RunMode,
  type RunningPlugin,
  type SetupContext,
  type StartFailedContext,
  type StartsWhen,
} from './supervisor/plugins/definition.js'
export { all, optional, type ServiceKey, type ServiceOf, serviceKey } from './supervisor/plugins/keys.js'
export type { PoolEvent, PoolEvents, PoolListener } from './supervisor/pool/events.js'
export { type PoolConfig, poolOrName, poolProperties } from './supervisor/pool/keys.js'
export type { AcquireOptions, JobSink, Lease, Pool, WorkerBoot, WorkerInfo } from './supervisor/pool/pool.js'
export type { ProcessKeys } from './supervisor/pool/process-keys.js'
export type {
  ProcessEnd,
  ProcessesService,
  ProcessOptions,
  SupervisedProcess,
} from './supervisor/processes/processes.js'
export {
  type AnyProcedure,
  type Procedure,
  type ProcedureCall,
  type ProcedureInput,
  procedure,
  type RpcService,
} from './supervisor/rpc/procedure.js'
export {
  ClockKey,
  Ledger,
  LiveStateKey,
  Log,
  type LogService,
  type OpenPool,
  type PoolState,
  Pools,
  type PoolsService,
  Processes,
  Readiness,
  type ReadinessService,
  Rpc,
} from './supervisor/services.js'
export type { Outcome } from './supervisor/worker/job/outcome.js'
export type { WorkerId } from './supervisor/worker/worker-id.js'
