/** Rules about a queue: how long a message stays hidden, and where it goes when it was received too often. Pure. */
import { limitConcurrency, seconds, setQueue, setRedrive } from '../fixes.js'
import type { Finding, FunctionSetup, MappingSetup } from '../setup.js'

const visibilityFactor = 6
const receivesMin = 5

/**
 * Checks the visibility timeout: AWS refuses one below the function's timeout; below six timeouts and the window, throttled
 * batches are delivered twice.
 */
export function visibility(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { queue, windowSeconds } = mapping
  const [hidden, timeout] = [queue?.visibilitySeconds, setup.timeoutSeconds]
  if (queue === undefined || hidden === undefined || timeout === undefined) return []
  const enough = visibilityFactor * timeout.value + (windowSeconds?.value ?? 0)
  if (hidden.value >= enough) return []
  const value = `${hidden.value} s${hidden.isDefault === true ? ' (the default)' : ''}`
  const fix = setQueue(setup, queue, 'VisibilityTimeout', enough)
  if (hidden.value < timeout.value) {
    const reason = `VisibilityTimeout of the queue ${queue.name} is ${value}, less than the function's timeout of ${seconds(setup)}: AWS refuses the mapping, and messages would be delivered again while they run`
    return [{ rule: 'visibility-under-timeout', severity: 'error', at: hidden.at, reason, fix }]
  }
  const reason = `VisibilityTimeout of the queue ${queue.name} is ${value}; AWS asks for ${visibilityFactor} × timeout + window = ${enough} s, so that throttled or retried batches are not delivered twice`
  return [{ rule: 'visibility-short', severity: 'warning', at: hidden.at, reason, fix }]
}

/** Checks for a dead-letter queue: without one, a message that always fails is delivered again until it expires. */
export function noRedrive(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { queue } = mapping
  if (queue?.redrive === undefined || queue.redrive.value !== undefined) return []
  const days = queue.retentionSeconds === undefined ? undefined : queue.retentionSeconds.value / 86_400
  const until =
    days === undefined ? 'until it expires' : `until it expires after ${Number(days.toFixed(1))} days`
  const reason = `the queue ${queue.name} has no dead-letter queue: a message that always fails, or that a worker gave up (lambda.failed: redrive), is delivered again ${until}`
  return [
    {
      rule: 'no-redrive',
      severity: 'warning',
      at: queue.redrive.at ?? queue.at,
      reason,
      fix: setRedrive(setup, queue, receivesMin),
    },
  ]
}

/** Throttled batches count as received. */
export function receiveCount(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { queue } = mapping
  const receivesMax = queue?.redrive?.value?.receivesMax
  if (queue === undefined || receivesMax === undefined || receivesMax.value >= receivesMin) return []
  const reason = `maxReceiveCount of the queue ${queue.name} is ${receivesMax.value}: a batch that is throttled counts as received, so messages that never ran are dead-lettered`
  const fix = setRedrive(setup, queue, receivesMin)
  return [{ rule: 'receive-count', severity: 'warning', at: receivesMax.at, reason, fix }]
}

/** A queue and its dead-letter queue are of one type. */
export function deadLettersType(mapping: MappingSetup, _setup: FunctionSetup): Finding[] {
  const { queue } = mapping
  const dead = queue?.redrive?.value?.deadLetters
  if (queue?.isFifo === undefined || dead?.isFifo === undefined || queue.isFifo.value === dead.isFifo.value)
    return []
  const word = (isFifo: boolean) => (isFifo ? 'a FIFO' : 'a standard')
  const reason = `${queue.name} is ${word(queue.isFifo.value)} queue and its dead-letter queue ${dead.name} ${word(dead.isFifo.value)} one: AWS refuses the redrive policy`
  const fix = queue.isFifo.value
    ? `make ${dead.name} a FIFO queue: FifoQueue: true and a name that ends in .fifo`
    : `use a standard queue instead of ${dead.name}`
  return [{ rule: 'dead-letters-type', severity: 'error', at: dead.isFifo.at ?? dead.at, reason, fix }]
}

/** A message keeps its age when it is dead-lettered. */
export function deadLettersRetention(mapping: MappingSetup, _setup: FunctionSetup): Finding[] {
  const { queue } = mapping
  const dead = queue?.redrive?.value?.deadLetters
  const [ours, theirs] = [queue?.retentionSeconds, dead?.retentionSeconds]
  if (queue === undefined || dead === undefined || ours === undefined || theirs === undefined) return []
  if (theirs.value >= ours.value || queue.isFifo?.value === true) return []
  const reason = `the dead-letter queue ${dead.name} keeps messages for ${theirs.value} s, the queue ${queue.name} for ${ours.value} s: a message keeps its age when it is moved, so it may expire at once`
  const fix = `set MessageRetentionPeriod: 1209600 of ${dead.name}`
  return [{ rule: 'dead-letters-retention', severity: 'warning', at: theirs.at ?? dead.at, reason, fix }]
}

/** Pollers that the function's concurrency throttles use up receives of messages that never ran. */
export function reservedConcurrency(setup: FunctionSetup): Finding[] {
  const reserved = setup.reservedConcurrency
  if (reserved?.value === undefined) return []
  const queues = setup.mappings.filter((mapping) => mapping.kind === 'sqs')
  const open = queues.filter(
    ({ maximumConcurrency: limit, isProvisioned }) =>
      limit !== undefined && limit.value === undefined && isProvisioned?.value !== true,
  )
  const why =
    'batches above it are throttled, which counts as received and dead-letters messages that never ran'
  const found = open.map((mapping): Finding => {
    const reason = `the function's reserved concurrency is ${reserved.value}, and ${mapping.name} has no MaximumConcurrency: ${why}`
    const fix = limitConcurrency(setup, mapping, Math.max(2, reserved.value ?? 0))
    return { rule: 'reserved-concurrency', severity: 'warning', at: mapping.at ?? reserved.at, reason, fix }
  })
  const sum = queues.reduce((total, { maximumConcurrency: limit }) => total + (limit?.value ?? 0), 0)
  if (sum > reserved.value) {
    const reason = `the function's reserved concurrency is ${reserved.value}, and its queues may run ${sum} batches at once (MaximumConcurrency): ${why}`
    const fix = `lower MaximumConcurrency to ${reserved.value} in all, or raise the reserved concurrency to ${sum}, or reserve none`
    found.push({ rule: 'reserved-concurrency', severity: 'warning', at: reserved.at, reason, fix })
  }
  return found
}

/** Reports a queue that could not be read, so that the other rules could not check it. */
export function unreadQueue(mapping: MappingSetup, setup: FunctionSetup): Finding[] {
  const { queue } = mapping
  if (queue?.unread === undefined) return []
  const reason = `the queue ${queue.name} of ${mapping.name} is not checked: ${queue.unread}`
  const fix =
    setup.origin === 'aws'
      ? 'allow sqs:GetQueueUrl and sqs:GetQueueAttributes of it'
      : 'check the deployed function: rr lambda check --function NAME'
  return [{ rule: 'queue-unread', severity: 'note', at: mapping.at, reason, fix }]
}
