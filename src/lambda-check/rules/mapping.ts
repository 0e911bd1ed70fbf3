/**
 * Rules about a mapping: which records count as done, how large batches are, what happens to a record that always fails.
 * Pure.
 */
import { limitConcurrency, reportFailures, setMapping, setWindow, setWorkers } from '../fixes.js'
import type { Finding, FunctionSetup, MappingSetup } from '../setup.js'

const standardWithoutWindowMax = 10
const fifoBatchMax = 10
const batchMax = 10_000
const concurrencyRange = { min: 2, max: 1000 } as const

/** Consequences, by source, when Lambda does not read the answer to a batch. */
const lossOf = {
  sqs: 'it deletes the failed messages with the others',
  kinesis: 'it continues after the failed records',
  dynamodb: 'it continues after the failed records',
  kafka: 'it commits the offsets of the failed records',
} as const

/** The list of failed records is only read where the mapping asks for it. */
export function partialFailures(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { reportsFailures } = mapping
  const { partialFailures: ours, mode } = setup.workers
  if (reportsFailures === undefined) return []
  const isRead = reportsFailures.value
  const at = reportsFailures.at ?? mapping.at
  if (mode === 'event') {
    if (isRead) return []
    const reason = `${mapping.name} has no ReportBatchItemFailures: when a worker reports failed records, Lambda ignores that, and ${lossOf[mapping.kind]}`
    return [{ rule: 'failures-ignored', severity: 'note', at, reason, fix: reportFailures(setup, mapping) }]
  }
  if (ours.value && !isRead) {
    const reason = `${mapping.name} has no ReportBatchItemFailures, but rr answers with the list of failed records (partial_failures: on): Lambda ignores the list, and ${lossOf[mapping.kind]}`
    const provisioned = mapping.kind === 'kafka' ? ', which Kafka has in provisioned mode only' : ''
    const fix = `${reportFailures(setup, mapping)}${provisioned}, or ${setWorkers('lambda.partial_failures', 'off')}`
    return [{ rule: 'failures-ignored', severity: 'error', at, reason, fix }]
  }
  if (!ours.value && isRead) {
    const reason = `${mapping.name} has ReportBatchItemFailures, but with partial_failures: off one failed record repeats the whole batch`
    const fix = setWorkers('lambda.partial_failures', 'on')
    return [{ rule: 'failures-unused', severity: 'note', at: ours.at ?? at, reason, fix }]
  }
  return []
}

/** Kafka reads the list in provisioned mode only. */
export function kafkaProvisioned(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { kind, reportsFailures, isProvisioned } = mapping
  if (kind !== 'kafka' || reportsFailures?.value !== true || isProvisioned?.value !== false) return []
  const reason = `${mapping.name} has ReportBatchItemFailures, but partial batches of Kafka need provisioned mode: without it Lambda commits the offsets of failed records, too`
  const add =
    setup.origin === 'aws'
      ? `aws lambda update-event-source-mapping --uuid ${mapping.uuid ?? 'UUID'} --provisioned-poller-config MinimumPollers=1`
      : `add ProvisionedPollerConfig: { MinimumPollers: 1 } to ${mapping.name}`
  const fix = `${add}, or ${setWorkers('lambda.partial_failures', 'off')}`
  return [{ rule: 'kafka-not-provisioned', severity: 'warning', at: isProvisioned.at, reason, fix }]
}

/** Checks the batch size and window against AWS's limits. */
export function batchSize(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { batchSize: size, windowSeconds, queue } = mapping
  if (size === undefined) return []
  if (size.value < 1 || size.value > batchMax) {
    const reason = `the batch size of ${mapping.name} is ${size.value}, AWS allows 1 to ${batchMax}`
    return [
      {
        rule: 'batch-size',
        severity: 'error',
        at: size.at,
        reason,
        fix: setMapping(setup, mapping, 'batchSize', Math.max(1, Math.min(batchMax, size.value))),
      },
    ]
  }
  if (mapping.kind !== 'sqs') return []
  if (queue?.isFifo?.value === true) {
    if (size.value <= fifoBatchMax) return []
    const reason = `the batch size of ${mapping.name} is ${size.value}, a FIFO queue allows at most ${fifoBatchMax}: AWS refuses the mapping`
    const fix = setMapping(setup, mapping, 'batchSize', fifoBatchMax)
    return [{ rule: 'fifo-batch', severity: 'error', at: size.at, reason, fix }]
  }
  if (size.value <= standardWithoutWindowMax || windowSeconds === undefined || windowSeconds.value >= 1)
    return []
  const reason = `the batch size of ${mapping.name} is ${size.value} and its batching window ${windowSeconds.value} s: above ${standardWithoutWindowMax} AWS refuses the mapping without a window of at least 1 s`
  const fix = `${setWindow(setup, mapping, 1)}, or ${setMapping(setup, mapping, 'batchSize', standardWithoutWindowMax)}`
  return [{ rule: 'batch-window', severity: 'error', at: size.at, reason, fix }]
}

/** A FIFO queue has no batching window. */
export function fifoWindow(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { windowSeconds, queue } = mapping
  if (queue?.isFifo?.value !== true || windowSeconds === undefined || windowSeconds.value === 0) return []
  const reason = `${mapping.name} has a batching window of ${windowSeconds.value} s, and its queue ${queue.name} is FIFO: AWS refuses the mapping`
  const fix = setWindow(setup, mapping, 0)
  return [{ rule: 'fifo-window', severity: 'error', at: windowSeconds.at, reason, fix }]
}

/** Checks MaximumConcurrency against AWS's limits. */
export function maximumConcurrency(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const limit = mapping.maximumConcurrency
  if (limit?.value === undefined) return []
  const { min, max } = concurrencyRange
  const found: Finding[] = []
  if (limit.value < min || limit.value > max) {
    const reason = `MaximumConcurrency of ${mapping.name} is ${limit.value}, AWS allows ${min} to ${max}`
    const fix = limitConcurrency(setup, mapping, Math.max(min, Math.min(max, limit.value)))
    found.push({ rule: 'maximum-concurrency', severity: 'error', at: limit.at, reason, fix })
  }
  if (mapping.isProvisioned?.value === true) {
    const reason = `${mapping.name} has both MaximumConcurrency and ProvisionedPollerConfig: AWS allows only one of them`
    const fix = `remove one; ProvisionedPollerConfig limits by MaximumPollers`
    found.push({ rule: 'maximum-concurrency', severity: 'error', at: limit.at, reason, fix })
  }
  return found
}

/** A record of a stream that always fails holds up its shard for as long as it is retried. */
export function streamRetries(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { kind, retriesMax, recordAgeSeconds } = mapping
  if (kind !== 'kinesis' && kind !== 'dynamodb') return []
  if (retriesMax?.value !== -1 || recordAgeSeconds?.value !== -1) return []
  const reason = `${mapping.name} retries without limit (MaximumRetryAttempts and MaximumRecordAgeInSeconds are −1${retriesMax.isDefault === true ? ', the default' : ''}): one record that always fails blocks its shard until it expires`
  const fix = `${setMapping(setup, mapping, 'retriesMax', 5)}, with an on-failure destination`
  return [{ rule: 'stream-retries', severity: 'warning', at: retriesMax.at ?? mapping.at, reason, fix }]
}
