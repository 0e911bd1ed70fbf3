/** Puts the plugin together: as many pollers as the environment runs events at once, one drain for all of them. */
import {
  type Clock,
  type LedgerService,
  type Logger,
  onAbort,
  type Pool,
  type RunningPlugin,
  type RuntimeApiFacts,
  type TracingService,
  unreachable,
} from '../../../index.js'
import { PoisonRecords } from '../../../work/poison-records.js'
import { Prefetch } from '../../../work/prefetch.js'
import type { HandlerOptions } from '../event/event-run.js'
import type { EventTracing } from '../event/event-tracing.js'
import { GivenUp } from '../failures/given-up.js'
import { RetryWaits } from '../failures/retry-waits.js'
import type { Mode } from '../modes/mode.js'
import type { RawOptions } from '../modes/raw.js'
import type { FunctionFacts } from '../plan/context.js'
import { RuntimeClient } from '../runtime-api/client.js'
import { registerExtension } from '../runtime-api/extension.js'
import type { LambdaSettings } from '../section.js'
import { Loop } from './loop.js'
import { PollGate } from './poll-gate.js'
import { isSnapStart, takeSnapshot } from './snap-start.js'

/** Options of pollers. */
export interface PollersOptions {
  /** The section; its pool is open already. */
  readonly settings: Omit<LambdaSettings, 'pool'>
  readonly pool: Pool
  readonly address: string
  /** The Runtime API hands out events side by side, to as many pollers as ask. */
  readonly isParallel?: boolean
  /** Inside Lambda, where the time between SIGTERM and SIGKILL is short. */
  readonly isBootstrap: boolean
  /** The emulated function, when there is one. */
  readonly facts: FunctionFacts | undefined
  readonly onBatch?: RuntimeApiFacts['onBatch'] | undefined
  readonly tracing?: TracingService | undefined
  readonly log: Logger
  readonly flushLog: () => Promise<void>
  readonly isLogWritten: () => boolean
  /** False for tests: every event takes the general path. */
  readonly takesExpress?: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly ledger?: LedgerService
}

const pollersMax = 10_000

/** Makes the user agent, by which AWS counts runtimes. */
function userAgent(version: string | undefined): string {
  return `relayrunner/${version ?? '0'} (node/${process.versions.node}; ${process.arch})`
}

/** Makes the running plugin. Rejects with RR_AWS_PACKAGE when `failed` needs a package that is not there. */
export async function startPollers(options: PollersOptions): Promise<RunningPlugin> {
  const { settings, pool, address, isBootstrap, log, env, clock } = options
  const agent = userAgent(env.RELAYRUNNER_VERSION)
  // While the workers boot; it must have happened before the first `/next`.
  const registered = isBootstrap
    ? registerExtension({ address, userAgent: agent, clock, log })
    : Promise.resolve()
  const newClient = () => new RuntimeClient({ address, userAgent: agent, clock, log })
  const handler = await handlerOptions(options)
  const openStream = settings.streaming ? await streamOpener(address, agent, log) : undefined
  const isManaged = isManagedInstance(env)
  // The emulator in this process hands out events side by side, as Lambda does to several environments.
  const { isParallel = false } = options
  const count = isParallel ? Math.min(pool.size, pollersMax) : pollerCount(env, pool)
  // A server that could be offered other events while it is busy asks only for as many as it has workers for.
  const gate = new PollGate(pool, isManaged || (isParallel && count > 1))
  // Registered before the snapshot, which must hold the extension's open call, too.
  const ready = isSnapStart(env)
    ? registered.then(() => takeSnapshot({ pool, client: newClient(), log, nowMs: () => clock.nowMs() }))
    : registered
  ready.catch(() => undefined)
  const loops = Array.from({ length: count }, () => {
    return new Loop({
      ...handler,
      ...(openStream === undefined ? {} : { openStream }),
      client: newClient(),
      gate,
      flushLog: options.flushLog,
      isLogWritten: options.isLogWritten,
      isPipelined: settings.pipelining === 'on',
      ...(options.ledger === undefined ? {} : { ledger: options.ledger }),
      minReady: Math.min(settings.min_ready, pool.size),
      beforeFirst: () => ready,
      connectsAhead: isBootstrap && !isSnapStart(env),
      // Managed Instances are never frozen, and neither is a server of one's own.
      tellsThaw: isBootstrap && !isManaged,
    })
  })
  const polling = new AbortController()
  return {
    serve: async (signal) => {
      onAbort(signal, () => polling.abort())
      await Promise.all(loops.map((loop) => loop.serve(polling.signal)))
    },
    stopTaking: () => polling.abort(),
    drain: async (signal) => {
      const answerAll = () => {
        for (const loop of loops) loop.answerNow()
      }
      if (isBootstrap) answerAll()
      else onAbort(signal, answerAll)
      await Promise.all(loops.map((loop) => loop.finished()))
    },
  }
}

async function handlerOptions(options: PollersOptions): Promise<HandlerOptions> {
  const { settings, pool, log, env, clock } = options
  const split = {
    isSplit: settings.mode === 'raw' || settings.mode === 'jobs',
    fifo: settings.fifo,
    kafkaIdentifier: settings.kafka_identifier,
    splitsAmazonMq: settings.amazon_mq === 'split',
  }
  const hasPartialFailures = settings.partial_failures === 'on'
  const retryWaits = await makeRetryWaits(options)
  const tracing = await makeTracing(options)
  return {
    pool,
    clock,
    log,
    facts: options.facts ?? factsOf(env),
    mode: await makeMode(options, { split, hasPartialFailures, recordsPerJob: settings.records_per_job }),
    split,
    recordsPerJob: settings.records_per_job,
    hasPartialFailures,
    givenUp: await makeGivenUp(options),
    ...(retryWaits === undefined ? {} : { retryWaits }),
    ...(tracing === undefined ? {} : { tracing }),
    poison: new PoisonRecords(settings.quarantine.after),
    ...(settings.prefetch === 'off' ? {} : { prefetch: new Prefetch(settings.prefetch, clock) }),
    marginMs: settings.deadline_margin,
    takesExpress: options.takesExpress ?? true,
    ...(options.onBatch === undefined ? {} : { onBatch: options.onBatch }),
  }
}

/** A cold start loads the one mode that is asked for. */
async function makeMode({ settings, pool, log, clock }: PollersOptions, options: RawOptions): Promise<Mode> {
  switch (settings.mode) {
    case 'raw':
    case 'event':
      return (await import('../modes/raw.js')).rawMode(options)
    case 'jobs':
      return (await import('../modes/jobs.js')).jobsMode
    case 'http': {
      const { codec, raw_body: isRaw, internal_error_code: errorStatus } = settings.http
      const { httpMode } = await import('../modes/http.js')
      const { sweepUploads } = await import('../../../work/http/upload-sweep.js')
      const { uploadRemover } = await import('../../../work/http/upload-removal.js')
      const uploads = { ...settings.http.uploads, owner: pool.identity }
      void sweepUploads(uploads.dir, clock.nowMs()).then((count) => {
        if (count > 0) log.info({ count }, 'removed uploaded files that an earlier server had left')
      })
      return httpMode({
        codec: codec === 'proto' ? 'proto' : 'json',
        isRaw,
        errorStatus,
        uploads,
        removeUpload: uploadRemover({ log, clock }),
      })
    }
    default:
      return unreachable(settings.mode)
  }
}

async function makeTracing(options: PollersOptions): Promise<EventTracing | undefined> {
  const { tracing, settings, facts, env } = options
  if (tracing === undefined) return undefined
  const { EventTracing } = await import('../event/event-tracing.js')
  const { functionName } = facts ?? factsOf(env)
  return new EventTracing({ tracing, mode: settings.mode, codec: settings.http.codec, functionName })
}

async function makeGivenUp({ settings, pool, log, clock, env }: PollersOptions): Promise<GivenUp> {
  const { failed } = settings
  const nowMs = () => clock.nowMs()
  if (failed === 'redrive' || failed === 'log') return new GivenUp({ policy: failed, log, nowMs })
  if (failed === 'worker') {
    const { LastWord } = await import('../../../work/last-word.js')
    const lastWord = new LastWord({ pool, log, key: 'lambda.failed' })
    return new GivenUp({ policy: failed, lastWord, receivesMax: settings.max_receives, log, nowMs })
  }
  const { sqsSender } = await import('../failures/given-up-queue.js')
  return new GivenUp({ policy: { url: failed }, send: await sqsSender(failed, env), log, nowMs })
}

/** Makes the waits; undefined where they are only logged. Outside Lambda `auto` would ask AWS about invented records. */
async function makeRetryWaits(options: PollersOptions): Promise<RetryWaits | undefined> {
  const { settings, isBootstrap, log, clock, env } = options
  const isAuto = settings.retry === 'auto'
  if (settings.retry === 'log' || (isAuto && !isBootstrap)) return undefined
  const loadChanger = async () => {
    const { visibilityChanger } = await import('../failures/visibility.js')
    return visibilityChanger(env, isAuto)
  }
  // Asked for by name, a missing package is a fault of the configuration; else it is loaded with the first wait.
  const load = isAuto ? loadChanger : await loadChanger().then((change) => () => Promise.resolve(change))
  return new RetryWaits({ load, clock, log })
}

async function streamOpener(address: string, agent: string, log: Logger) {
  const { openResponseStream } = await import('../runtime-api/response-stream.js')
  return (requestId: string, contentType: string) =>
    openResponseStream({ address, userAgent: agent, requestId, contentType, log })
}

/** Managed Instances say how many events they run at once, if it is only one. */
function isManagedInstance(env: Readonly<Record<string, string | undefined>>): boolean {
  const asked = Number(env.AWS_LAMBDA_MAX_CONCURRENCY ?? 0)
  return Number.isInteger(asked) && asked > 0
}

/** Counts the pollers: as many as events run at once, and never more than workers. */
function pollerCount(env: Readonly<Record<string, string | undefined>>, pool: Pool): number {
  const asked = Number(env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1)
  return Number.isInteger(asked) && asked > 1 ? Math.min(asked, pool.size, pollersMax) : 1
}

function factsOf(env: Readonly<Record<string, string | undefined>>): FunctionFacts {
  const memory = Number(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE)
  return {
    functionName: env.AWS_LAMBDA_FUNCTION_NAME ?? null,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION ?? null,
    memoryLimitInMB: Number.isFinite(memory) && memory > 0 ? memory : null,
  }
}
