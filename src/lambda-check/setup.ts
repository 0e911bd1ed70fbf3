/** Describes a function, its event sources and its workers: made by every reader, read by every rule. Pure data. */
import type { Place } from '../schema/tree.js'

/** A value that is known, with its place. What is not known (a parameter, another stack's export) is not a fact. */
export interface Fact<T> {
  readonly value: T
  readonly at?: Place | undefined
  /** True for a default of AWS or of the framework. */
  readonly isDefault?: boolean
}

/** A fact, or nothing known. */
export type Known<T> = Fact<T> | undefined

/** Kind of input that a setup was read from; fixes are worded for it. */
export type Origin = 'flags' | 'template' | 'serverless' | 'aws'

/** One function with everything that calls it in batches. */
export interface FunctionSetup {
  readonly name: string
  readonly origin: Origin
  readonly at?: Place | undefined
  readonly timeoutSeconds?: Known<number>
  readonly memoryMb?: Known<number>
  /** `Zip` functions need a runtime, a handler and a bootstrap; an image brings its own. */
  readonly packageType?: Known<'Zip' | 'Image'>
  readonly runtime?: Known<string>
  /** The value is empty when there is none. */
  readonly handler?: Known<string>
  /** Fault of the bootstrap in the function's folder; undefined when it is fine or cannot be seen. */
  readonly bootstrapFault?: Known<'missing' | 'not executable'>
  /** The value is undefined when none is reserved. */
  readonly reservedConcurrency?: Known<number | undefined>
  readonly logFormat?: Known<string>
  /** Gateways in front of the function, known from templates and flags only: AWS offers no way from a function to them. */
  readonly gateways: readonly Gateway[]
  readonly mappings: readonly MappingSetup[]
  readonly workers: WorkerSetup
}

/** An API Gateway in front of the function, with its timeout. */
export interface Gateway {
  readonly name: string
  readonly at?: Place | undefined
  readonly limitSeconds: number
}

/** An event source mapping, which reads batches from a queue, a stream or a topic and invokes the function. */
export interface MappingSetup {
  readonly kind: 'sqs' | 'kinesis' | 'dynamodb' | 'kafka'
  readonly name: string
  readonly at?: Place | undefined
  /** For AWS's command line. */
  readonly uuid?: string | undefined
  /** FunctionResponseTypes has ReportBatchItemFailures. */
  readonly reportsFailures?: Known<boolean>
  readonly batchSize?: Known<number>
  readonly windowSeconds?: Known<number>
  /** The value is undefined when there is no limit. */
  readonly maximumConcurrency?: Known<number | undefined>
  readonly isProvisioned?: Known<boolean>
  /** Streams: −1 is for ever. */
  readonly retriesMax?: Known<number>
  /** Streams: −1 is for ever. */
  readonly recordAgeSeconds?: Known<number>
  /** Undefined: not a queue, or one that nothing is known of. */
  readonly queue?: QueueSetup | undefined
}

/** A queue that a mapping reads. */
export interface QueueSetup {
  readonly name: string
  readonly at?: Place | undefined
  /** For AWS's command line. */
  readonly url?: string | undefined
  /** Reason why the queue could not be read: only its kind is known then. */
  readonly unread?: string | undefined
  readonly isFifo?: Known<boolean>
  readonly visibilitySeconds?: Known<number>
  readonly retentionSeconds?: Known<number>
  /** The value is undefined when there is no redrive policy. */
  readonly redrive?: Known<Redrive | undefined>
}

/** Redrive policy: the queue for messages that were received too often. */
export interface Redrive {
  readonly receivesMax?: Known<number>
  readonly deadLetters?: DeadLetters | undefined
}

/** The dead-letter queue. */
export interface DeadLetters {
  readonly name: string
  readonly at?: Place | undefined
  readonly isFifo?: Known<boolean>
  readonly retentionSeconds?: Known<number>
}

/** Settings of `rr.yaml` that the rules read; without a file, its defaults. */
export interface WorkerSetup {
  readonly mode: 'raw' | 'event'
  /** Path of the pool's keys: `lambda.pool`, or `pools.NAME`. */
  readonly poolKey: string
  readonly partialFailures: Fact<boolean>
  readonly count: Fact<number | 'auto'>
  /** 0 means no limit. */
  readonly execTtlMs: Fact<number>
  readonly allocateTimeoutMs: Fact<number>
  /** 0 is none. */
  readonly marginMs: Fact<number>
}

/** Setting that will cause trouble. */
export interface Finding {
  /** Permanent name of the rule, explained in `docs/lambda-check.md`. */
  readonly rule: string
  readonly severity: 'error' | 'warning' | 'note'
  readonly at: Place | undefined
  /** Cause, with the values, and consequence. */
  readonly reason: string
  /** Change to make. */
  readonly fix: string
}

/** A finding with the function it is about. */
export interface FunctionFinding extends Finding {
  readonly function: string
}

/** True when the value was set explicitly; false for a default. */
export function isWritten(fact: Known<unknown>): boolean {
  return fact !== undefined && fact.isDefault !== true
}
