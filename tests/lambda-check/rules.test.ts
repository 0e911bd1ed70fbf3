import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkFunction } from '../../src/lambda-check/rules.js'
import type { Finding } from '../../src/lambda-check/setup.js'
import { projectFolder } from '../helpers/project.js'
import { type Changes, fact, setupWith } from './setups.js'

interface Case {
  readonly rule: string
  readonly severity: Finding['severity']
  /** Setups that have exactly this finding. */
  readonly bad: readonly Changes[]
  /** Near misses, without any finding of the rule. */
  readonly good: readonly Changes[]
  readonly reason: RegExp
  readonly fix: RegExp
}

const redrive = (receivesMax: number, isFifo = false) =>
  fact({ receivesMax: fact(receivesMax), deadLetters: { name: 'Dead', isFifo: fact(isFifo) } })
const stream = {
  kind: 'kinesis',
  reportsFailures: fact(true),
  batchSize: fact(100),
  windowSeconds: fact(0),
  maximumConcurrency: fact(undefined),
} as const
const kafka = { ...stream, kind: 'kafka', isProvisioned: fact(true) } as const

const cases: readonly Case[] = [
  {
    rule: 'failures-ignored',
    severity: 'error',
    bad: [
      { mapping: { reportsFailures: fact(false) } },
      { mapping: { ...stream, reportsFailures: fact(false) } },
      { mapping: { ...kafka, reportsFailures: fact(false) } },
    ],
    good: [
      {},
      { mapping: { reportsFailures: undefined } },
      { mapping: { reportsFailures: fact(false) }, workers: { partialFailures: fact(false) } },
    ],
    reason: /has no ReportBatchItemFailures, but rr answers with the list .* ignores the list/,
    fix: /^add FunctionResponseTypes: \[ReportBatchItemFailures\] to Jobs.*, or set lambda\.partial_failures: off/,
  },
  {
    rule: 'failures-ignored',
    severity: 'note',
    bad: [{ mapping: { reportsFailures: fact(false) }, workers: { mode: 'event' } }],
    good: [{ workers: { mode: 'event' } }],
    reason: /when a worker reports failed records/,
    fix: /ReportBatchItemFailures/,
  },
  {
    rule: 'failures-unused',
    severity: 'note',
    bad: [{ workers: { partialFailures: fact(false) } }],
    good: [{ workers: { partialFailures: fact(false) }, mapping: { reportsFailures: fact(false) } }],
    reason: /one failed record repeats the whole batch/,
    fix: /partial_failures: on in rr\.yaml/,
  },
  {
    rule: 'kafka-not-provisioned',
    severity: 'warning',
    bad: [{ mapping: { ...kafka, isProvisioned: fact(false) } }],
    good: [{ mapping: kafka }, { mapping: { ...kafka, isProvisioned: undefined } }],
    reason: /partial batches of Kafka need provisioned mode/,
    fix: /ProvisionedPollerConfig/,
  },
  {
    rule: 'batch-size',
    severity: 'error',
    bad: [
      {
        mapping: { batchSize: fact(10_001), windowSeconds: fact(1) },
        queue: { visibilitySeconds: fact(181) },
      },
      { mapping: { batchSize: fact(0) } },
    ],
    good: [{ mapping: { batchSize: fact(10_000), windowSeconds: fact(1) } }],
    reason: /AWS allows 1 to 10000/,
    fix: /set BatchSize: (1|10000) of Jobs/,
  },
  {
    rule: 'batch-window',
    severity: 'error',
    bad: [{ mapping: { batchSize: fact(11) } }],
    good: [
      { mapping: { batchSize: fact(11), windowSeconds: fact(1) } },
      { mapping: { batchSize: fact(11), windowSeconds: undefined } },
      { mapping: stream },
    ],
    reason: /batch size of Jobs is 11 and its batching window 0 s/,
    fix: /MaximumBatchingWindowInSeconds: 1 of Jobs, or set BatchSize: 10/,
  },
  {
    rule: 'fifo-batch',
    severity: 'error',
    bad: [{ mapping: { batchSize: fact(11) }, queue: { isFifo: fact(true), redrive: redrive(5, true) } }],
    good: [{ queue: { isFifo: fact(true), redrive: redrive(5, true) } }],
    reason: /is 11, a FIFO queue allows at most 10/,
    fix: /BatchSize: 10/,
  },
  {
    rule: 'fifo-window',
    severity: 'error',
    bad: [
      {
        mapping: { windowSeconds: fact(1) },
        queue: { isFifo: fact(true), redrive: redrive(5, true), visibilitySeconds: fact(181) },
      },
    ],
    good: [{ mapping: { windowSeconds: fact(1) }, queue: { visibilitySeconds: fact(181) } }],
    reason: /window of 1 s, and its queue Queue is FIFO/,
    fix: /MaximumBatchingWindowInSeconds: 0/,
  },
  {
    rule: 'maximum-concurrency',
    severity: 'error',
    bad: [
      { mapping: { maximumConcurrency: fact(1) } },
      { mapping: { maximumConcurrency: fact(1001) } },
      { mapping: { isProvisioned: fact(true) } },
    ],
    good: [
      { mapping: { maximumConcurrency: fact(2) } },
      { mapping: { maximumConcurrency: fact(undefined), isProvisioned: fact(true) } },
    ],
    reason: /AWS allows (2 to 1000|only one of them)/,
    fix: /MaximumConcurrency: (2|1000)|remove one/,
  },
  {
    rule: 'stream-retries',
    severity: 'warning',
    bad: [{ mapping: { ...stream, retriesMax: fact(-1), recordAgeSeconds: fact(-1) } }],
    good: [
      { mapping: { ...stream, retriesMax: fact(5), recordAgeSeconds: fact(-1) } },
      { mapping: { ...stream, retriesMax: fact(-1), recordAgeSeconds: fact(3600) } },
    ],
    reason: /blocks its shard/,
    fix: /MaximumRetryAttempts: 5/,
  },
  {
    rule: 'visibility-under-timeout',
    severity: 'error',
    bad: [{ queue: { visibilitySeconds: fact(29) } }],
    good: [{ queue: { visibilitySeconds: undefined } }, { setup: { timeoutSeconds: undefined } }],
    reason: /is 29 s, less than the function's timeout of 30 s: AWS refuses/,
    fix: /VisibilityTimeout: 180 of the queue Queue/,
  },
  {
    rule: 'visibility-short',
    severity: 'warning',
    bad: [{ queue: { visibilitySeconds: fact(30) } }, { mapping: { windowSeconds: fact(1) } }],
    good: [{ mapping: { windowSeconds: fact(1) }, queue: { visibilitySeconds: fact(181) } }],
    reason: /6 × timeout \+ window = 18[01] s/,
    fix: /VisibilityTimeout: 18[01]/,
  },
  {
    rule: 'no-redrive',
    severity: 'warning',
    bad: [{ queue: { redrive: fact(undefined) } }],
    good: [{ queue: { redrive: undefined } }],
    reason: /has no dead-letter queue.* is delivered again until it expires after 4 days/,
    fix: /add RedrivePolicy: .* to the queue Queue/,
  },
  {
    rule: 'receive-count',
    severity: 'warning',
    bad: [{ queue: { redrive: redrive(4) } }],
    good: [{ queue: { redrive: redrive(5) } }],
    reason: /maxReceiveCount of the queue Queue is 4/,
    fix: /maxReceiveCount: 5 in the RedrivePolicy/,
  },
  {
    rule: 'dead-letters-type',
    severity: 'error',
    bad: [
      { queue: { isFifo: fact(true), redrive: redrive(5, false) } },
      { queue: { redrive: redrive(5, true) } },
    ],
    good: [{ queue: { isFifo: fact(true), redrive: redrive(5, true) } }],
    reason: /AWS refuses the redrive policy/,
    fix: /Dead/,
  },
  {
    rule: 'dead-letters-retention',
    severity: 'warning',
    bad: [{ queue: { retentionSeconds: fact(1_209_601) } }],
    good: [{ queue: { retentionSeconds: fact(1_209_600) } }],
    reason: /keeps its age/,
    fix: /MessageRetentionPeriod: 1209600 of Dead/,
  },
  {
    rule: 'reserved-concurrency',
    severity: 'warning',
    bad: [
      { setup: { reservedConcurrency: fact(9) } },
      {
        setup: { reservedConcurrency: fact(20) },
        mapping: { maximumConcurrency: fact(undefined) },
      },
    ],
    good: [
      { setup: { reservedConcurrency: fact(10) } },
      { setup: { reservedConcurrency: fact(20) }, mapping: { maximumConcurrency: undefined } },
      { mapping: { maximumConcurrency: fact(undefined) } },
      {
        setup: { reservedConcurrency: fact(20) },
        mapping: { maximumConcurrency: fact(undefined), isProvisioned: fact(true) },
      },
    ],
    reason: /reserved concurrency is (9|20), .* never ran/,
    fix: /MaximumConcurrency/,
  },
  {
    rule: 'queue-unread',
    severity: 'note',
    bad: [{ queue: { unread: 'it is not a resource of this file' } }],
    good: [{}],
    reason: /not checked: it is not a resource/,
    fix: /--function/,
  },
  {
    rule: 'memory-range',
    severity: 'error',
    bad: [{ setup: { memoryMb: fact(10_241) } }],
    good: [{ setup: { memoryMb: fact(10_240) } }],
    reason: /is 10241 MB, AWS allows 128 to 10240/,
    fix: /MemorySize: 10240/,
  },
  {
    rule: 'workers-memory',
    severity: 'warning',
    bad: [
      { setup: { memoryMb: fact(128) } },
      { setup: { memoryMb: fact(213) }, workers: { count: fact(1) } },
    ],
    good: [
      { setup: { memoryMb: fact(214) }, workers: { count: fact(1) } },
      { setup: { memoryMb: undefined } },
    ],
    reason: /one worker needs about 214 MB/,
    fix: /MemorySize: 214/,
  },
  {
    rule: 'workers-cpu',
    severity: 'note',
    bad: [{ workers: { count: fact(2) } }],
    good: [{ workers: { count: fact(1) } }, { workers: { count: fact('auto') } }],
    reason: /num_workers is 2, and 1769 MB give 1 vCPU/,
    fix: /num_workers: 1 in rr\.yaml, or set MemorySize: 3538/,
  },
  {
    rule: 'timeout-range',
    severity: 'error',
    bad: [{ setup: { timeoutSeconds: fact(901) }, queue: { visibilitySeconds: fact(43_200) } }],
    good: [{ setup: { timeoutSeconds: fact(900) }, queue: { visibilitySeconds: fact(43_200) } }],
    reason: /is 901 s, AWS allows 1 to 900/,
    fix: /Timeout: 900/,
  },
  {
    rule: 'timeout-default',
    severity: 'note',
    bad: [{ setup: { timeoutSeconds: { value: 3, isDefault: true } }, workers: { marginMs: fact(300) } }],
    good: [{ setup: { timeoutSeconds: { value: 3, isDefault: true }, mappings: [] } }],
    reason: /has 3 s, the default/,
    fix: /Timeout: 30/,
  },
  {
    rule: 'gateway-timeout',
    severity: 'warning',
    bad: [{ setup: { gateways: [{ name: 'Api', limitSeconds: 29 }] } }],
    good: [{ setup: { gateways: [{ name: 'Http', limitSeconds: 30 }] } }],
    reason: /API Gateway \(Api\) answers 504 after 29 s/,
    fix: /Timeout: 29/,
  },
  {
    rule: 'exec-ttl',
    severity: 'warning',
    bad: [{ workers: { execTtlMs: fact(29_000) }, mapping: { batchSize: fact(1) } }],
    good: [
      { workers: { execTtlMs: fact(28_999) } },
      { workers: { execTtlMs: fact(29_000) }, setup: { timeoutSeconds: undefined } },
    ],
    reason: /exec_ttl is 29 s, and the function has 29 s/,
    fix: /exec_ttl: 15s in rr\.yaml, or set Timeout: 58/,
  },
  {
    rule: 'allocate-timeout',
    severity: 'warning',
    bad: [{ workers: { allocateTimeoutMs: fact(30_000) } }],
    good: [{ workers: { allocateTimeoutMs: fact(29_000) } }, {}],
    reason: /allocate_timeout is 30 s/,
    fix: /allocate_timeout: 15s/,
  },
  {
    rule: 'deadline-margin',
    severity: 'warning',
    bad: [{ workers: { marginMs: fact(0) } }],
    good: [{ workers: { marginMs: fact(3000) } }],
    reason: /deadline_margin is 0 s/,
    fix: /deadline_margin: 1s/,
  },
  {
    rule: 'deadline-margin',
    severity: 'note',
    bad: [{ workers: { marginMs: fact(3001) } }],
    good: [
      { workers: { marginMs: fact(3000) } },
      { workers: { marginMs: { value: 3001, isDefault: true } } },
    ],
    reason: /of which 3 s apply/,
    fix: /Timeout: 31 of the function Orders, or set lambda\.deadline_margin: 3000ms/,
  },
  {
    rule: 'batch-worst-case',
    severity: 'note',
    bad: [{ workers: { execTtlMs: fact(7000) } }],
    good: [
      { workers: { execTtlMs: fact(6000) } },
      { workers: { execTtlMs: fact(7000), mode: 'event' } },
      { workers: { execTtlMs: fact(7000) }, mapping: { batchSize: fact(2) } },
    ],
    reason: /5 turns \(10 records, 2 workers\) × exec_ttl 7 s = 35 s, more than the timeout of 30 s/,
    fix: /Timeout: 35/,
  },
  {
    rule: 'runtime-managed',
    severity: 'error',
    bad: [{ setup: { runtime: fact('nodejs22.x') } }],
    good: [
      { setup: { runtime: fact('nodejs22.x'), packageType: fact('Image') } },
      { setup: { runtime: undefined } },
      { setup: { runtime: fact('provided.al2099') } },
    ],
    reason: /nodejs22\.x runs its own handler/,
    fix: /Runtime: provided\.al2023/,
  },
  {
    rule: 'runtime-old',
    severity: 'error',
    bad: [{ setup: { runtime: fact('provided.al2') } }, { setup: { runtime: fact('provided') } }],
    good: [{}],
    reason: /glibc is older than the 2\.28/,
    fix: /provided\.al2023/,
  },
  {
    rule: 'handler-missing',
    severity: 'error',
    bad: [{ setup: { handler: fact('') } }],
    good: [{ setup: { handler: fact(''), packageType: fact('Image') } }, { setup: { handler: undefined } }],
    reason: /has no handler/,
    fix: /Handler: worker\.php/,
  },
  {
    rule: 'bootstrap',
    severity: 'error',
    bad: [
      { setup: { bootstrapFault: fact('missing') } },
      { setup: { bootstrapFault: fact('not executable') } },
    ],
    good: [{ setup: { bootstrapFault: fact('missing'), packageType: fact('Image') } }],
    reason: /Runtime\.InvalidEntrypoint/,
    fix: /bootstrap/,
  },
  {
    rule: 'log-format',
    severity: 'note',
    bad: [{ setup: { logFormat: fact('Text') } }],
    good: [{ setup: { logFormat: { value: 'Text', isDefault: true } } }],
    reason: /log format is Text/,
    fix: /LogFormat: JSON/,
  },
]

test('a function as it should be has no finding', () => {
  assert.deepEqual(checkFunction(setupWith()), [])
})

test('every rule finds what it is for, alone, with its values and the fix', () => {
  for (const { rule, severity, bad, reason, fix } of cases) {
    for (const changes of bad) {
      const found = checkFunction(setupWith(changes))
      const about = `${rule} ${JSON.stringify(changes)}`
      assert.deepEqual(
        found.map((finding) => [finding.rule, finding.severity]),
        [[rule, severity]],
        about,
      )
      assert.match(found[0]?.reason ?? '', reason, about)
      assert.match(found[0]?.fix ?? '', fix, about)
    }
  }
})

test('no rule finds what is only near, or not known', () => {
  for (const { rule, severity, good } of cases) {
    for (const changes of good) {
      const found = checkFunction(setupWith(changes)).filter(
        (finding) => finding.rule === rule && finding.severity === severity,
      )
      assert.deepEqual(found, [], `${rule} ${JSON.stringify(changes)}`)
    }
  }
})

test('a function of which nothing is known has no finding', () => {
  const { workers } = setupWith()
  const mapping = { kind: 'sqs', name: 'Jobs', queue: { name: 'Queue' } } as const
  const setup = { name: 'Orders', origin: 'template', gateways: [], mappings: [mapping], workers } as const
  assert.deepEqual(checkFunction(setup), [])
})

test('the worst comes first', () => {
  const setup = setupWith({
    setup: { logFormat: fact('Text') },
    queue: { redrive: fact(undefined) },
    mapping: { reportsFailures: fact(false) },
  })
  assert.deepEqual(
    checkFunction(setup).map(({ severity }) => severity),
    ['error', 'warning', 'note'],
  )
})

test('fixes speak the language of where the setup was read', () => {
  const changes = { mapping: { reportsFailures: fact(false), uuid: 'u-1' } }
  const fixes = (['template', 'serverless', 'aws'] as const).map((origin) => {
    return checkFunction(setupWith({ ...changes, setup: { origin } }))[0]?.fix ?? ''
  })
  assert.match(fixes[0] ?? '', /^add FunctionResponseTypes: \[ReportBatchItemFailures\]/)
  assert.match(fixes[1] ?? '', /^add functionResponseType: ReportBatchItemFailures/)
  const cli =
    'aws lambda update-event-source-mapping --uuid u-1 --function-response-types ReportBatchItemFailures'
  assert.ok(fixes[2]?.startsWith(cli), fixes[2])
})

test('docs/lambda-check.md explains every rule, and no other', () => {
  const page = readFileSync(join(projectFolder, 'docs/lambda-check.md'), 'utf8')
  const explained = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, rule]) => rule)
  assert.deepEqual(explained.toSorted(), [...new Set(cases.map(({ rule }) => rule))].toSorted())
})
