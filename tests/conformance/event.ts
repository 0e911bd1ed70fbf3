/**
 * What a poller does with an event, whichever path the event takes: express, general, or with its answer and the next request in one
 * write. Each scenario is played on real workers over each path; the transcripts (answers, log, ledger) must be as expected and equal.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { startPollers } from '../../src/plugins/lambda/polling/pollers.js'
import type { LambdaSettings } from '../../src/plugins/lambda/section.js'
import { InFlightLedger } from '../../src/supervisor/ledger.js'
import type { PoolConfig } from '../../src/supervisor/pool/keys.js'
import { PoolLease } from '../../src/supervisor/pool/queue/lease.js'
import { managedApi } from '../helpers/managed-api.js'
import { fixtureCommand, type Logged, recordingLogger, startPool, type TestPool } from '../helpers/pool.js'

/** The ways of an event. */
const paths = ['general', 'express', 'pipelined'] as const
type Path = (typeof paths)[number]

/** One event of a scenario, and what is posted for it. */
interface EventScript {
  readonly body: string
  readonly timeoutMs?: number
  readonly status?: number
  /** The answer's kind and the text that it holds. */
  readonly answer: readonly ['response' | 'error', RegExp]
}

/** A scenario. */
interface Scenario {
  readonly title: string
  /** Fixture and its arguments. */
  readonly worker: readonly [name: string, ...words: readonly string[]]
  readonly mode?: 'raw' | 'event' | 'jobs'
  readonly workers?: number
  readonly pool?: Partial<PoolConfig>
  readonly events: readonly EventScript[]
  /** Lines that the log must hold: level and message. */
  readonly logged?: readonly RegExp[]
  /** Called while the first event runs. */
  readonly during?: (parts: { readonly pool: TestPool; readonly stop: () => Promise<void> }) => Promise<void>
}

/** Settings with their defaults. */
function settingsOf(mode: 'raw' | 'event' | 'jobs', pipelining: 'on' | 'off'): Omit<LambdaSettings, 'pool'> {
  return {
    mode,
    deadline_margin: 1000,
    partial_failures: 'on',
    fifo: 'group',
    records_per_job: 1,
    prefetch: 'off',
    retry: 'log',
    failed: 'redrive',
    max_receives: 0,
    quarantine: { after: 3 },
    kafka_identifier: 'partition',
    amazon_mq: 'whole',
    min_ready: 1,
    streaming: false,
    pipelining,
    http: {
      codec: 'auto',
      raw_body: false,
      internal_error_code: 500,
      uploads: { dir: '', forbid: [], allow: [], max_files: 20, max_fields: 1000 },
    },
  }
}

const ok = ['response', /^"ok"$/] as const
const numbersOk = { body: '[["{\\"jobId\\":JOB}","\\"ok\\""]]', answer: ok }
const large = 6 * 1024 * 1024 + 101

const scenarios: readonly Scenario[] = [
  {
    title: 'answers, errors and verdicts of a worker',
    worker: ['by-body'],
    events: [
      { body: 'fine', answer: ok },
      { body: 'slow', answer: ['response', /^"slow"$/] },
      { body: 'error', answer: ['error', /"RR.JobFailed".*told to fail/] },
      { body: 'own-error', answer: ['error', /"App.Broken".*"mine".*"here"/] },
      { body: 'retry', answer: ['error', /"RR.Retry".*later/] },
      { body: 'fail', answer: ['error', /"RR.Failed".*never/] },
      { body: 'unknown-outcome', answer: ['error', /"RR.BadReply".*perhaps/] },
      { body: 'fine', answer: ok },
    ],
  },
  {
    title:
      'a worker that dies, writes junk, or answers without an option is replaced, and the next event served',
    worker: ['by-body'],
    events: [
      { body: 'die', answer: ['error', /"RR.WorkerCrashed".*exit code N/] },
      { body: 'fine', answer: ok },
      { body: 'no-option', answer: ['error', /"RR.BadReply".*N options/] },
      { body: 'junk', answer: ['error', /"RR.BadReply".*not a frame/] },
      { body: 'fine', answer: ok },
    ],
  },
  {
    title: 'an event that is not done at the deadline margin is answered, and its worker replaced',
    worker: ['sleeps'],
    events: [{ body: '1', timeoutMs: 700, answer: ['error', /"RR.WorkerTimeout"/] }],
    logged: [/warn a job has used N % of its time/],
  },
  {
    title: 'a result that Lambda does not take is an error before it is sent',
    worker: ['twice'],
    events: [
      { body: JSON.stringify('x'.repeat(large / 2)), answer: ['error', /"RR.PayloadTooLarge"/] },
      { body: '1', answer: ['response', /^11$/] },
    ],
  },
  {
    title: 'bodies of any size arrive as they came, and an empty result is null',
    worker: ['echo'],
    events: [
      { body: '1', answer: ['response', /^1$/] },
      { body: JSON.stringify('é'.repeat(30_000)), answer: ['response', /^"(é){30000}"$/] },
      { body: JSON.stringify('y'.repeat(1_000_000)), answer: ['response', /^"y{1000000}"$/] },
      { body: 'not JSON \\u0065', answer: ['response', /^not JSON/] },
      { body: '', answer: ['response', /^null$/] },
    ],
  },
  {
    title: 'a streamed answer is put together, and one that is too large fails',
    worker: ['streams-pieces'],
    events: [
      { body: '3', answer: ['response', /^x{196608}$/] },
      { body: '200', answer: ['error', /"RR.PayloadTooLarge"/] },
      { body: '1', answer: ['response', /^x{65536}$/] },
    ],
  },
  {
    title: 'a streamed answer of a mode without streams is a bad one',
    worker: ['streams-pieces'],
    mode: 'jobs',
    events: [{ body: '3', answer: ['error', /"RR.BadReply".*streamed/] }],
  },
  {
    title: 'a worker that asks to leave instead of answering hands its event over to the next',
    worker: ['self-stop', 'mark'],
    events: ['1', '2'].map((body) => ({ body, answer: ['response', new RegExp(`^${body}$`)] as const })),
  },
  {
    title: 'a worker that leaves with its answer is replaced',
    worker: ['numbers'],
    workers: 2,
    events: [
      numbersOk,
      { body: '[["{\\"leave\\":true,\\"jobId\\":JOB}","\\"ok\\""]]', answer: ok },
      numbersOk,
    ],
  },
  {
    title: 'an answer with the number of another job is dropped, and its worker replaced',
    worker: ['numbers'],
    events: [
      { body: '[["{\\"jobId\\":77}","\\"wrong\\""],["{\\"jobId\\":JOB}","\\"ok\\""]]', answer: ok },
      numbersOk,
    ],
    logged: [/answered for another job/],
  },
  {
    title: 'an error without a number fails its event, and its worker is replaced',
    worker: ['numbers'],
    events: [{ body: '[["","broken","text"]]', answer: ['error', /"RR.JobFailed".*broken/] }, numbersOk],
    logged: [/without a jobId/],
  },
  {
    title: 'a second answer is given to no event',
    worker: ['answers-twice'],
    events: [
      { body: '1', answer: ['response', /^one$/] },
      { body: '2', answer: ['response', /^one$/] },
    ],
  },
  {
    title: 'max_jobs: each event has a worker of its own',
    worker: ['echo'],
    pool: { max_jobs: 1 },
    events: ['1', '2', '3'].map((body) => ({ body, answer: ['response', new RegExp(`^${body}$`)] as const })),
  },
  {
    title: 'what a worker writes carries the event of its job',
    worker: ['says-then-dies'],
    events: [
      { body: 'one', answer: ['response', /^one$/] },
      { body: 'two', answer: ['response', /^two$/] },
      { body: 'die', answer: ['error', /"RR.WorkerCrashed".*heard die/] },
      { body: 'three', answer: ['response', /^three$/] },
    ],
  },
  {
    title: 'an answer that the API refuses is logged, and the next event served',
    worker: ['echo'],
    events: [413, 410, 400].map((status) => ({ body: '1', status, answer: ['response', /^1$/] as const })),
    logged: [/warn the Runtime API did not take an answer/],
  },
  {
    title: 'the names of failed records are checked where a worker gets a whole batch',
    worker: ['echo'],
    mode: 'event',
    events: [
      { body: batch('{"batchItemFailures":[{"itemIdentifier":"a"}]}'), answer: ['error', /"RR.BadReply"/] },
      { body: batch(''), answer: ['response', /"Records"/] },
    ],
  },
  {
    title: 'a worker that is killed while it runs an event fails it',
    worker: ['sleeps'],
    events: [{ body: '1', answer: ['error', /"RR.WorkerCrashed".*SIGKILL/] }],
    during: async ({ pool }) => {
      const [worker] = await pool.pool.workers()
      if (worker !== undefined) process.kill(worker.pid, 'SIGKILL')
    },
  },
  {
    title: 'a server that stops at once answers what is in hand',
    worker: ['sleeps'],
    events: [{ body: '1', answer: ['error', /"RR.Stopped"/] }],
    during: ({ stop }) => stop(),
  },
]

/** A batch whose answer, as an echo gives it, is the batch; `extra` makes it an answer with names. */
function batch(extra: string): string {
  const record = { messageId: 'm', eventSource: 'aws:sqs', body: 'b', attributes: {} }
  return extra === ''
    ? JSON.stringify({ Records: [record] })
    : `${extra.slice(0, -1)},"Records":[${JSON.stringify(record)}]}`
}

interface Transcript {
  readonly answers: readonly string[]
  readonly log: readonly string[]
  readonly said: readonly string[]
  readonly counts: object
}

async function play(t: TestContext, scenario: Scenario, path: Path): Promise<Transcript> {
  const { worker, mode = 'raw', workers = 1, events, during } = scenario
  const ledger = new InFlightLedger({ clock: systemClock, log: recordingLogger() })
  const pool = await startPool(t, fixtureCommand(...worker), {
    ledger,
    config: { num_workers: workers, ...scenario.pool },
  })
  const api = await managedApi(t)
  // The promise form of a lease is the general path's.
  const runs = t.mock.method(PoolLease.prototype, 'run').mock
  // Without `debug`, at which an answer goes out alone.
  const log = { ...pool.log, isEnabled: (level: string) => level !== 'debug' }
  const plugin = await startPollers({
    settings: settingsOf(mode, path === 'pipelined' ? 'on' : 'off'),
    pool: pool.pool,
    address: api.address,
    facts: { functionName: 'f', functionVersion: '1', memoryLimitInMB: 128 },
    isBootstrap: true,
    log,
    flushLog: () => Promise.resolve(),
    isLogWritten: () => true,
    takesExpress: path !== 'general',
    env: {},
    clock: systemClock,
    ledger,
  })
  const stopping = new AbortController()
  const serving = plugin.serve?.(stopping.signal)
  const stop = async () => {
    plugin.stopTaking?.()
    await plugin.drain?.(stopping.signal)
  }
  const answers: string[] = []
  for (const [at, event] of events.entries()) {
    const answered = api.invoke({ id: `id-${at}`, ...event })
    if (at === 0 && during !== undefined) {
      await pool.line(/sleeping/)
      await during({ pool, stop })
    }
    const { kind, body } = await answered
    const [expected, text] = event.answer
    assert.match(kind === 'error' ? withoutNumbers(body) : body, text, `${path}: event ${at}`)
    assert.equal(kind, expected, `${path}: event ${at}`)
    answers.push(`${kind} ${body.length > 1000 ? body.length : withoutNumbers(body)}`)
  }
  if (during === undefined) await api.waiting(1)
  await stop()
  stopping.abort()
  await serving
  if (path === 'general') assert.equal(runs.callCount(), events.length)
  else assert.ok(runs.callCount() < events.length, `${path}: no event took the express path`)
  runs.restore()
  const { counts } = ledger.view()
  assert.deepEqual([counts.open, counts.violations, counts.accepted], [0, 0, events.length], path)
  return {
    answers,
    log: pool.log.lines.map(lineOf).filter((line) => !incidental.test(line)),
    said: pool.lines.map(({ text, job }) => `${job}: ${text}`),
    counts,
  }
}

// They depend on the moment at which a process ends or a successor boots.
const incidental = /^debug |worker exited|is ready/

function lineOf({ level, message, fields }: Logged): string {
  const { pid: _pid, ranMs: _ranMs, memoryBytes: _memory, stack: _stack, ...rest } = fields
  return withoutNumbers(`${level} ${message} ${JSON.stringify(rest)}`)
}

/** Process ids and times differ from run to run. */
function withoutNumbers(text: string): string {
  return text.replace(/(?<![\w-])\d+(\.\d+)?/g, 'N')
}

/** Registers one test a scenario. */
export function eventConformance(): void {
  for (const scenario of scenarios) {
    test(`over every path of an event: ${scenario.title}`, async (t) => {
      const transcripts = []
      for (const path of paths) transcripts.push(await play(t, scenario, path))
      const [general, ...others] = transcripts
      for (const line of scenario.logged ?? [])
        assert.ok(
          general?.log.some((one) => line.test(one)),
          `${line}: ${general?.log.join('\n')}`,
        )
      for (const other of others) assert.deepEqual(other, general)
    })
  }
}
