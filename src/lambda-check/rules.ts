/** All rules, in the order in which findings of one severity are printed. Pure. */
import {
  batchSize,
  fifoWindow,
  kafkaProvisioned,
  maximumConcurrency,
  partialFailures,
  streamRetries,
} from './rules/mapping.js'
import { memorySize, workersCpu, workersMemory } from './rules/memory.js'
import { bootstrapFile, handler, logFormat, runtime } from './rules/package.js'
import {
  deadLettersRetention,
  deadLettersType,
  noRedrive,
  receiveCount,
  reservedConcurrency,
  unreadQueue,
  visibility,
} from './rules/queue.js'
import {
  allocateTimeout,
  deadlineMargin,
  execTtl,
  gatewayTimeout,
  timeoutDefault,
  timeoutRange,
  worstCase,
} from './rules/time.js'
import type { Finding, FunctionFinding, FunctionSetup, MappingSetup } from './setup.js'

const functionRules: readonly ((setup: FunctionSetup) => Finding[])[] = [
  runtime,
  handler,
  bootstrapFile,
  timeoutRange,
  timeoutDefault,
  gatewayTimeout,
  execTtl,
  allocateTimeout,
  deadlineMargin,
  memorySize,
  workersMemory,
  workersCpu,
  reservedConcurrency,
  logFormat,
]

const mappingRules: readonly ((mapping: MappingSetup, setup: FunctionSetup) => Finding[])[] = [
  partialFailures,
  kafkaProvisioned,
  batchSize,
  fifoWindow,
  maximumConcurrency,
  streamRetries,
  visibility,
  noRedrive,
  receiveCount,
  deadLettersType,
  deadLettersRetention,
  worstCase,
  unreadQueue,
]

const weights = { error: 0, warning: 1, note: 2 } as const

/** Returns the findings of a function, the worst first. */
export function checkFunction(setup: FunctionSetup): readonly FunctionFinding[] {
  const found = [
    ...functionRules.flatMap((rule) => rule(setup)),
    ...setup.mappings.flatMap((mapping) => mappingRules.flatMap((rule) => rule(mapping, setup))),
  ]
  return found
    .map((finding) => ({ ...finding, function: setup.name }))
    .toSorted((a, b) => weights[a.severity] - weights[b.severity])
}
