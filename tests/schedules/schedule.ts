/**
 * One schedule out of one seed: a queue with messages, workers that do what their script says, an API that loses connections, time that
 * passes and freezes; then the oracle looks whether anything was lost, doubled, deleted too early or run out of order. Everything but
 * the worker processes is real: queue, mapping, emulator, sockets, plugin, pool.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AwakeClock } from '../../src/core/awake-clock.js'
import type { Clock } from '../../src/core/clock.js'
import { type Random, seededRandom } from '../../src/core/random.js'
import { silentLogger } from '../../src/logging/logger.js'
import { EmulatorServer } from '../../src/plugins/emulator/http/server.js'
import {
  type BatchFacts,
  EventSourceMapping,
} from '../../src/plugins/emulator/mapping/event-source-mapping.js'
import { type PollersOptions, startPollers } from '../../src/plugins/lambda/polling/pollers.js'
import { WorkerPool } from '../../src/supervisor/pool/worker-pool.js'
import { MemoryQueue } from '../../src/work/queues/memory/memory-queue.js'
import { poolDefaults } from '../helpers/pool.js'
import { sourceOf } from '../helpers/queue-source.js'
import {
  type Deed,
  type Item,
  nameOf,
  type Script,
  scriptedBoot,
  type WorkerEvent,
} from './scripted-workers.js'
import { StreamMapping } from './stream-mapping.js'
import { VirtualTime } from './virtual-time.js'

/** Plan that a seed stands for. */
export interface Plan {
  readonly seed: number
  readonly source: 'standard' | 'fifo' | 'stream'
  /** Messages of a group keep their order: FIFO queues, and streams. */
  readonly isOrdered: boolean
  readonly fifo: 'group' | 'strict'
  readonly failed: 'redrive' | 'log'
  readonly reportsFailures: boolean
  readonly recordsPerJob: number
  readonly prefetch: 'off' | 'auto' | 'always'
  /** Workers announce `job_id`. */
  readonly isNumbered: boolean
  readonly workers: number
  /** Events at once, as Managed Instances run them: pollers of the plugin, batches of the mapping. */
  readonly pollers: number
  readonly jobsMax: number
  readonly execTtlMs: number
  readonly quarantineAfter: number
  readonly batchSize: number
  readonly windowMs: number
  readonly timeoutMs: number
  readonly visibilityMs: number
  readonly receiveMax: number
  /** Chance of a fault per request. */
  readonly faultRate: number
  readonly bootFaultRate: number
  readonly freezes: boolean
  /** Chance that an environment is told to stop, which it must obey at once with whatever it has in hand. */
  readonly stopRate: number
  /** `event`: a batch is one job, which takes the express path where `takesExpress` lets it. */
  readonly mode: 'raw' | 'event'
  readonly takesExpress: boolean
  readonly pipelining: 'on' | 'off'
  readonly messages: readonly MessagePlan[]
}

/** One message: what each try of it comes to; the last deed is for all further ones. */
interface MessagePlan {
  readonly group: string | undefined
  readonly scripts: readonly Script[]
}

/** Result of a schedule. */
export interface ScheduleResult {
  readonly sent: number
  readonly deleted: number
  readonly dead: number
  readonly invocations: number
  readonly restarts: number
  /** Jobs that waited in the pipe of a busy worker. */
  readonly waited: number
  readonly virtualMs: number
}

const virtualMsMax = 24 * 3_600_000
const stopMsMax = 20_000
const inTimeShare = 0.8

/** Draws a plan. */
export function drawPlan(seed: number): Plan {
  const random = seededRandom(seed)
  const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T
  const source = pick('standard', 'standard', 'fifo', 'fifo', 'fifo', 'stream')
  const isOrdered = source !== 'standard'
  const groups = 1 + Math.floor(random() * 5)
  const timeoutMs = pick(1000, 3000, 10_000)
  const workers = 1 + Math.floor(random() * 4)
  // A shard has one batch at a time.
  const pollers = source === 'stream' ? 1 : Math.min(workers, pick(1, 1, 2, 3))
  // Only short jobs are sent ahead, and only once so many have run: such plans have more messages.
  const prefetch = source === 'standard' ? pick('off', 'auto', 'always') : 'off'
  return {
    seed,
    source,
    isOrdered,
    fifo: pick('group', 'group', 'strict'),
    failed: pick('redrive', 'redrive', 'log'),
    reportsFailures: random() < 0.8,
    recordsPerJob: prefetch === 'off' ? pick(1, 1, 1, 2, 4) : 1,
    prefetch,
    isNumbered: prefetch === 'auto' || random() < 0.3,
    workers,
    pollers,
    jobsMax: pick(0, 0, 1, 3),
    execTtlMs: pick(0, 0, 700),
    quarantineAfter: pick(0, 1, 3),
    batchSize: prefetch === 'off' ? pick(1, 3, 10) : 10,
    windowMs: isOrdered ? 0 : pick(0, 500),
    timeoutMs,
    visibilityMs: 6 * timeoutMs,
    receiveMax: pick(3, 5),
    faultRate: pick(0, 0, 0.05, 0.15),
    bootFaultRate: pick(0, 0, 0.2),
    // Managed Instances are never frozen.
    freezes: random() < 0.3 && pollers === 1,
    stopRate: pick(0, 0, 0.5),
    mode: prefetch === 'off' ? pick('raw', 'event') : 'raw',
    takesExpress: random() < 0.75,
    pipelining: pick('off', 'on'),
    messages: Array.from({ length: prefetch === 'off' ? 1 + Math.floor(random() * 25) : 80 }, () => ({
      group: isOrdered ? `g${Math.floor(random() * groups)}` : undefined,
      scripts: prefetch === 'off' ? drawScripts(random, timeoutMs) : drawShortScripts(random),
    })),
  }
}

const troubles: readonly Deed[] = ['error', 'retry', 'fail', 'crash', 'hang', 'stop', 'bad']

function drawScripts(random: Random, timeoutMs: number): readonly Script[] {
  const takesMs = () => Math.floor(random() * (random() < 0.05 ? 1.5 * timeoutMs : 200))
  const trouble = (): Script => ({
    deed: troubles[Math.floor(random() * troubles.length)] ?? 'error',
    takesMs: takesMs(),
  })
  const scripts: Script[] = []
  while (random() < 0.3) scripts.push(trouble())
  // Some never get well. One that only ever asks to leave would be handed from worker to worker.
  const isPoison = random() < 0.08
  scripts.push(isPoison ? { deed: 'crash', takesMs: takesMs() } : { deed: 'done', takesMs: takesMs() })
  return scripts
}

const shortTroubles: readonly Deed[] = ['error', 'retry', 'fail', 'crash', 'stop', 'bad', 'last', 'twice']

/** Jobs that take no time, but for a few. */
function drawShortScripts(random: Random): readonly Script[] {
  const pick = (deeds: readonly Deed[]) => deeds[Math.floor(random() * deeds.length)] ?? 'error'
  const scripts: Script[] = []
  while (random() < 0.1) scripts.push({ deed: pick(shortTroubles), takesMs: Math.floor(random() * 2) })
  if (random() < 0.01) scripts.push({ deed: 'hang', takesMs: 0 })
  if (random() < 0.01) scripts.push({ deed: 'done', takesMs: Math.floor(random() * 2000) })
  return [...scripts, { deed: random() < 0.02 ? 'crash' : 'done', takesMs: 0 }]
}

/** Plays a plan to its end. Throws an `Error` that says what was violated. */
export async function play(plan: Plan): Promise<ScheduleResult> {
  const run = new Play(plan)
  try {
    return await run.run()
  } finally {
    await run.close()
  }
}

class Play {
  readonly #plan: Plan
  readonly #random: Random
  readonly #time = new VirtualTime()
  readonly #violations: string[] = []
  readonly #tries = new Map<string, number>()
  readonly #deeds = new Map<string, Set<string>>()
  /** Times at which a worker answered a message of the running invocation as done. */
  readonly #doneMs = new Map<string, number>()
  readonly #invokedMs = new Map<string, number>()
  readonly #deleted = new Set<string>()
  readonly #dead = new Set<string>()
  readonly #posts = new Map<string, number>()
  readonly #plans = new Map<string, MessagePlan>()
  readonly #order: string[] = []
  readonly #queue: MemoryQueue
  #stream: StreamMapping | undefined
  readonly #emulator: EmulatorServer
  #ids = 0
  #invocations = 0
  #restarts = 0
  #waited = 0
  /** Number of times that a worker began a message of the running invocation. */
  readonly #begun = new Map<string, number>()
  readonly #over = new AbortController()
  readonly #ended = new Promise<void>((resolve) =>
    this.#over.signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  #environment: Promise<void> = Promise.resolve()

  constructor(plan: Plan) {
    this.#plan = plan
    // Another stream of chance than the plan's own.
    this.#random = seededRandom(plan.seed ^ 0x5eed)
    const clock = this.#time
    const newId = () => `m${this.#ids++}`
    const suffix = plan.source === 'fifo' ? '.fifo' : ''
    const common = { clock, newId, visibilityMs: plan.visibilityMs }
    this.#queue = new MemoryQueue({
      ...common,
      name: `work${suffix}`,
      receiveMax: plan.receiveMax,
      deadLetter: new MemoryQueue({ ...common, name: `dead${suffix}` }),
      random: this.#random,
      onDead: (id) => this.#dead.add(id),
    })
    this.#emulator = new EmulatorServer({
      address: '127.0.0.1:0',
      timeoutMs: plan.timeoutMs,
      clock,
      log: silentLogger,
      ...(plan.pollers > 1 ? { concurrency: plan.pollers } : {}),
      faults: (request, response) => this.#onRequest(request, response),
    })
  }

  async run(): Promise<ScheduleResult> {
    await this.#emulator.listen()
    const source = this.#plan.source === 'stream' ? this.#openStream() : await this.#fillQueue()
    this.#environment = this.#live()
    const startedAt = this.#time.monotonicMs()
    const stop = source()
    const isDone = () => this.#violations.length > 0 || this.#left().length === 0
    await this.#time.run(isDone, virtualMsMax)
    this.#over.abort()
    stop()
    this.#check()
    if (this.#violations.length > 0) throw new Error(this.#violations.join('; '))
    return {
      sent: this.#order.length,
      deleted: this.#deleted.size,
      dead: this.#dead.size,
      invocations: this.#invocations,
      restarts: this.#restarts,
      waited: this.#waited,
      virtualMs: this.#time.monotonicMs() - startedAt,
    }
  }

  /** Returns how to start the mapping, which returns how to stop it. */
  async #fillQueue(): Promise<() => () => void> {
    for (const [at, message] of this.#plan.messages.entries()) {
      const outgoing = {
        body: `{"n":${at}}`,
        ...(message.group === undefined ? {} : { group: message.group, deduplicationId: String(at) }),
      }
      this.#enter(await this.#queue.send(outgoing), message)
    }
    return () => {
      const mapping = new EventSourceMapping({
        source: sourceOf(this.#queue, this.#time),
        queue: this.#queue.arn,
        batchSize: this.#plan.batchSize,
        windowMs: this.#plan.windowMs,
        concurrency: this.#plan.pollers,
        reportsFailures: this.#plan.reportsFailures,
        invoke: (event) => this.#invoke(event),
        clock: this.#time,
        log: silentLogger,
        onBatch: (batch) => {
          this.#checkFailed(batch)
          this.#onDeleted(batch.deleted)
        },
      })
      return () => void mapping.stop()
    }
  }

  #openStream(): () => () => void {
    const { messages, batchSize, reportsFailures, receiveMax } = this.#plan
    const records = messages.map(({ group = '' }, at) => ({
      id: `4959${String(at).padStart(6, '0')}`,
      key: group,
      data: `{"n":${at}}`,
    }))
    for (const [at, { id }] of records.entries()) this.#enter(id, messages[at])
    const mapping = new StreamMapping({
      records,
      batchSize,
      reportsFailures,
      receiveMax,
      clock: this.#time,
      invoke: (event) => this.#invoke(event),
      onPassed: (ids) => this.#onDeleted(ids),
      onDead: (id) => this.#dead.add(id),
    })
    this.#stream = mapping
    return () => {
      mapping.run().catch((error: unknown) => this.#violations.push(`the stream's mapping: ${String(error)}`))
      return () => mapping.stop()
    }
  }

  #enter(id: string, message: MessagePlan | undefined): void {
    if (message !== undefined) this.#plans.set(id, message)
    this.#order.push(id)
  }

  /** Messages that the source still holds. */
  #left(): readonly string[] {
    return this.#stream?.ids ?? this.#queue.ids
  }

  async close(): Promise<void> {
    this.#over.abort()
    await Promise.all([this.#emulator.close(), this.#environment])
  }

  /** Environment after environment, as Lambda starts the next one when the process ends. */
  async #live(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#oneEnvironment()
      this.#restarts += 1
      this.#time.touch()
    }
  }

  async #oneEnvironment(): Promise<void> {
    // The event in hand is handed out once more, and what was done of it with the last one's answer is not known.
    this.#doneMs.clear()
    const { workers, jobsMax, execTtlMs, quarantineAfter, fifo, failed, reportsFailures, mode, pipelining } =
      this.#plan
    this.#begun.clear()
    const clock: Clock = new AwakeClock(this.#time)
    const pool = new WorkerPool({
      name: 'lambda',
      size: workers,
      config: poolDefaults,
      command: 'script',
      clock,
      random: this.#random,
      log: silentLogger,
      measure: async () => 0,
      boot: scriptedBoot({
        clock,
        jobsMax,
        execTtlMs,
        bootMs: () => Math.floor(this.#random() * 300),
        failsBoot: () => this.#random() < this.#plan.bootFaultRate,
        isOrdered: this.#plan.isOrdered,
        isNumbered: this.#plan.isNumbered,
        script: (id) => this.#script(id),
        onEvent: (event) => this.#onWorker(event),
        touch: () => this.#time.touch(),
      }),
    })
    const settings: PollersOptions['settings'] = {
      mode,
      deadline_margin: 1000,
      partial_failures: reportsFailures ? 'on' : 'off',
      fifo,
      records_per_job: mode === 'raw' ? this.#plan.recordsPerJob : 1,
      prefetch: this.#plan.prefetch,
      failed,
      max_receives: 0,
      retry: 'log',
      quarantine: { after: quarantineAfter },
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
    const env = { AWS_LAMBDA_MAX_CONCURRENCY: String(this.#plan.pollers) }
    const facts = { functionName: 'f', functionVersion: '$LATEST', memoryLimitInMB: 128 }
    const { address } = this.#emulator
    // `failed: log` gives up only what the log has taken.
    const log = { ...silentLogger, writeError: () => Promise.resolve(true) }
    const plugin = await startPollers({
      settings,
      pool,
      address,
      facts,
      isBootstrap: false,
      log,
      flushLog: () => Promise.resolve(),
      // Now and then there is something to flush, and the answer goes out alone.
      isLogWritten: () => this.#random() < 0.8,
      takesExpress: this.#plan.takesExpress,
      env,
      clock,
    })
    const stop = new AbortController()
    // A fault of the Runtime API ends the process, as it does for real.
    const served = plugin.serve?.(stop.signal)?.catch(() => undefined)
    const told = new AbortController()
    if (this.#random() < this.#plan.stopRate) this.#time.timer(this.#random() * stopMsMax, () => told.abort())
    const stopped = new Promise<void>((resolve) =>
      told.signal.addEventListener('abort', () => resolve(), { once: true }),
    )
    await Promise.race([served, this.#ended, stopped])
    if (told.signal.aborted && !this.#over.signal.aborted) {
      plugin.stopTaking?.()
      await plugin.drain?.(told.signal)
    }
    stop.abort()
    pool.kill()
    this.#time.touch()
  }

  #invoke(event: Buffer): Promise<{ kind: 'result' | 'error'; body: Buffer }> {
    this.#invocations += 1
    this.#time.touch()
    const { Records: records }: { Records: readonly Item[] } = JSON.parse(event.toString('utf8'))
    for (const id of records.map(nameOf)) {
      this.#doneMs.delete(id)
      this.#begun.delete(id)
      this.#invokedMs.set(id, this.#time.nowMs())
    }
    if (this.#plan.freezes && this.#random() < 0.2) this.#time.freeze(600_000 * this.#random())
    return this.#emulator.invoke(event).then((result) => {
      this.#time.touch()
      return { kind: result.kind === 'result' ? 'result' : 'error', body: result.body }
    })
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): boolean {
    this.#time.touch()
    response.on('close', () => this.#time.touch())
    const url = request.url ?? ''
    const id = /invocation\/([^/]+)\/(response|error)$/.exec(url)?.[1]
    if (id !== undefined) this.#posts.set(id, (this.#posts.get(id) ?? 0) + 1)
    if (this.#over.signal.aborted || this.#random() >= this.#plan.faultRate) return false
    const kind = this.#random()
    if (id === undefined) {
      // Lost, or a fault that ends the environment.
      if (kind < 0.7) request.socket.destroy()
      else response.writeHead(kind < 0.85 ? 500 : 403).end('{}')
      return true
    }
    // The answer does not arrive, or its acceptance does not come back.
    if (kind < 0.5) {
      request.socket.destroy()
      this.#posts.set(id, (this.#posts.get(id) ?? 1) - 1)
      return true
    }
    response.end = () => {
      request.socket.destroy()
      return response
    }
    return false
  }

  #script(id: string): Script {
    const scripts = this.#plans.get(id)?.scripts ?? []
    const tries = this.#tries.get(id) ?? 0
    this.#tries.set(id, tries + 1)
    return scripts[Math.min(tries, scripts.length - 1)] ?? { deed: 'done', takesMs: 0 }
  }

  #onWorker({ kind, messageId, before }: WorkerEvent): void {
    if (kind === 'waits') this.#waited += 1
    if (kind === 'begun') this.#countBegun(messageId)
    const deeds = this.#deeds.get(messageId) ?? new Set()
    deeds.add(kind)
    this.#deeds.set(messageId, deeds)
    if (kind === 'done') this.#doneMs.set(messageId, this.#time.nowMs())
    if (kind === 'begun' && this.#plan.isOrdered) this.#checkOrder(messageId, before)
  }

  /** An invocation runs each of its messages once at most: what a worker may have begun is not given to another one. */
  #countBegun(id: string): void {
    const times = (this.#begun.get(id) ?? 0) + 1
    this.#begun.set(id, times)
    if (times > 1) this.#violations.push(`${id} was begun ${times} times in one invocation`)
  }

  /** Every earlier message of the group must be over: done, dead, or given up for good; or earlier in the same job. */
  #checkOrder(id: string, before: readonly string[]): void {
    const group = this.#plans.get(id)?.group
    for (const earlier of this.#order) {
      if (earlier === id) return
      if (this.#plans.get(earlier)?.group !== group || this.#isSettled(earlier)) continue
      if (before.includes(earlier)) continue
      this.#violations.push(`${id} was begun while ${earlier}, which is before it in ${group}, was not over`)
    }
  }

  #isSettled(id: string): boolean {
    const deeds = this.#deeds.get(id)
    if (deeds?.has('done') === true || this.#dead.has(id)) return true
    return this.#plan.failed === 'log' && this.#mayBeGivenUp(id)
  }

  /** By the worker's own word, or because it killed a worker of its own. */
  #mayBeGivenUp(id: string): boolean {
    const deeds = this.#deeds.get(id)
    return deeds?.has('given-up') === true || (this.#plan.quarantineAfter > 0 && deeds?.has('died') === true)
  }

  /** Checks that a record done in time is reported as failed only behind one that failed before it. */
  #checkFailed({ delivered, failed, problem }: BatchFacts): void {
    if (problem !== undefined) return
    // Done as the deadline fell, or as the worker was killed: either may win.
    const lastMs = (id: string) => (this.#invokedMs.get(id) ?? 0) + inTimeShare * this.#plan.timeoutMs
    const [firstFailed] = delivered.filter((id) => failed.includes(id))
    for (const id of failed) {
      const doneMs = this.#doneMs.get(id)
      if (doneMs === undefined || doneMs > lastMs(id) || this.#plan.execTtlMs > 0) continue
      if (this.#plan.isOrdered && id !== firstFailed) continue
      this.#violations.push(`${id} was done and is reported as failed`)
    }
  }

  #onDeleted(ids: readonly string[]): void {
    this.#time.touch()
    for (const id of ids) {
      this.#deleted.add(id)
      const isDone = this.#deeds.get(id)?.has('done') === true
      const isGivenUp = this.#plan.failed === 'log' && this.#mayBeGivenUp(id)
      if (!isDone && !isGivenUp) this.#violations.push(`${id} was deleted and no worker had done it`)
    }
  }

  #check(): void {
    for (const id of this.#order)
      if (!this.#deleted.has(id) && !this.#dead.has(id) && !this.#left().includes(id))
        this.#violations.push(`${id} is lost`)
    for (const [id, count] of this.#posts)
      if (count > 1) this.#violations.push(`${id} was answered ${count} times`)
  }
}
