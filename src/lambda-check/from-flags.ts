/**
 * Applies flags to a setup: alone they describe a function, with a template or a deployed function they change what was
 * read. Pure.
 */
import { fifoByName } from './queues.js'
import type { Fact, FunctionSetup, MappingSetup, QueueSetup, Redrive } from './setup.js'

/** Flags as commander passes them, numbers already checked. */
export interface SetupFlags {
  readonly timeout?: number
  readonly memory?: number
  readonly reservedConcurrency?: number
  readonly runtime?: string
  readonly handler?: string
  readonly logFormat?: string
  readonly apiGateway?: boolean
  readonly source?: MappingSetup['kind']
  readonly batchSize?: number
  readonly window?: number
  readonly maximumConcurrency?: number
  readonly provisioned?: boolean
  readonly reportBatchItemFailures?: boolean
  readonly fifo?: boolean
  readonly visibility?: number
  readonly maxReceiveCount?: number
  /** False with `--no-redrive`; true is commander's default and has no meaning. */
  readonly redrive?: boolean
  readonly deadLetters?: string
}

type Unstaffed = Omit<FunctionSetup, 'workers'>

const functionFlags = [
  'timeout',
  'memory',
  'reservedConcurrency',
  'runtime',
  'handler',
  'logFormat',
  'apiGateway',
] as const
const queueFlags = ['fifo', 'visibility', 'maxReceiveCount', 'deadLetters'] as const
const mappingFlags = [
  'source',
  'batchSize',
  'window',
  'maximumConcurrency',
  'provisioned',
  'reportBatchItemFailures',
] as const

/** True when a flag describes a function: then no template is looked for. */
export function hasFlags(flags: SetupFlags): boolean {
  return functionFlags.some((name) => flags[name] !== undefined) || describesMapping(flags)
}

/** Makes the setup of a function before the first flag is read. */
export function emptySetup(flags: SetupFlags): Unstaffed {
  const kind = flags.source ?? 'sqs'
  const mapping: MappingSetup = { kind, name: kind === 'sqs' ? 'the queue’s mapping' : `the ${kind} mapping` }
  return {
    name: 'function',
    origin: 'flags',
    gateways: [],
    mappings: describesMapping(flags) ? [mapping] : [],
  }
}

/** Writes the flags over a setup, and those of mappings and queues over each it has. */
export function applyFlags(setup: Unstaffed, flags: SetupFlags): Unstaffed {
  return {
    ...setup,
    timeoutSeconds: given(flags.timeout) ?? setup.timeoutSeconds,
    memoryMb: given(flags.memory) ?? setup.memoryMb,
    runtime: given(flags.runtime) ?? setup.runtime,
    handler: given(flags.handler) ?? setup.handler,
    logFormat: given(flags.logFormat) ?? setup.logFormat,
    reservedConcurrency: given(flags.reservedConcurrency) ?? setup.reservedConcurrency,
    gateways: flags.apiGateway === true ? [{ name: '--api-gateway', limitSeconds: 29 }] : setup.gateways,
    mappings: setup.mappings.map((mapping) => applyMapping(mapping, flags)),
  }
}

function applyMapping(mapping: MappingSetup, flags: SetupFlags): MappingSetup {
  return {
    ...mapping,
    batchSize: given(flags.batchSize) ?? mapping.batchSize,
    windowSeconds: given(flags.window) ?? mapping.windowSeconds,
    maximumConcurrency: given(flags.maximumConcurrency) ?? mapping.maximumConcurrency,
    isProvisioned: given(flags.provisioned) ?? mapping.isProvisioned,
    reportsFailures: given(flags.reportBatchItemFailures) ?? mapping.reportsFailures,
    queue: mapping.kind === 'sqs' ? applyQueue(mapping.queue, flags) : mapping.queue,
  }
}

function applyQueue(queue: QueueSetup | undefined, flags: SetupFlags): QueueSetup | undefined {
  if (queueFlags.every((name) => flags[name] === undefined) && flags.redrive !== false) return queue
  const { name = 'queue', redrive } = queue ?? {}
  const policy = flags.redrive === false ? { value: undefined } : applyRedrive(redrive?.value, flags)
  return {
    ...queue,
    name,
    isFifo: given(flags.fifo) ?? queue?.isFifo,
    visibilitySeconds: given(flags.visibility) ?? queue?.visibilitySeconds,
    redrive: policy ?? redrive,
  }
}

function applyRedrive(old: Redrive | undefined, flags: SetupFlags): Fact<Redrive> | undefined {
  const { maxReceiveCount, deadLetters } = flags
  if (maxReceiveCount === undefined && deadLetters === undefined) return undefined
  const dead = deadLetters === undefined ? undefined : { name: deadLetters, isFifo: fifoByName(deadLetters) }
  const receivesMax = given(maxReceiveCount) ?? old?.receivesMax
  return { value: { receivesMax, deadLetters: dead ?? old?.deadLetters } }
}

function describesMapping(flags: SetupFlags): boolean {
  const isQueue = queueFlags.some((name) => flags[name] !== undefined) || flags.redrive === false
  return isQueue || mappingFlags.some((name) => flags[name] !== undefined)
}

function given<T>(value: T | undefined): Fact<T> | undefined {
  return value === undefined ? undefined : { value }
}
