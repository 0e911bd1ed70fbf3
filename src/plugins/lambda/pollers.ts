/** Puts the plugin together: as many pollers as the environment runs events at once, one drain for all of them. */
import type { Clock, Logger, Pool, RunningPlugin } from '../../index.js'
import type { FunctionFacts } from './context.js'
import { registerExtension } from './extension.js'
import { Loop } from './loop.js'
import { RuntimeClient } from './runtime-client.js'

/** The settings that matter here, validated. */
export interface LambdaSettings {
  readonly mode: string
  readonly deadline_margin: number
  readonly partial_failures: 'on' | 'off'
  readonly fifo: 'group' | 'strict'
  readonly failed: string
}

/** What pollers are made of. */
export interface PollersOptions {
  readonly settings: LambdaSettings
  readonly pool: Pool
  readonly address: string
  /** The emulated function, when there is one. */
  readonly facts: FunctionFacts | undefined
  readonly log: Logger
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
}

const pollersMax = 10_000

/** What AWS counts runtimes by. */
export function userAgent(version: string | undefined): string {
  return `relayrunner/${version ?? '0'} (node/${process.versions.node}; ${process.arch})`
}

/** Makes the running plugin. */
export function startPollers(options: PollersOptions): RunningPlugin<undefined> {
  const { settings, pool, address, log, env, clock } = options
  const isBootstrap = env.RELAYRUNNER_BOOTSTRAP === '1'
  const agent = userAgent(env.RELAYRUNNER_VERSION)
  // While the workers boot; it must have happened before the first `/next`.
  const registered = isBootstrap ? registerExtension(address, agent, log) : Promise.resolve()
  const loops = Array.from({ length: pollerCount(env, pool) }, () => {
    return new Loop({
      client: new RuntimeClient({ address, userAgent: agent, clock, log }),
      pool,
      clock,
      log,
      facts: options.facts ?? factsOf(env),
      split: { isSplit: settings.mode === 'raw', fifo: settings.fifo },
      hasPartialFailures: settings.partial_failures === 'on',
      failed: settings.failed === 'log' ? 'log' : 'redrive',
      marginMs: settings.deadline_margin,
      beforeFirst: () => registered,
    })
  })
  const polling = new AbortController()
  return {
    serve: async (signal) => {
      signal.addEventListener('abort', () => polling.abort(), { once: true })
      await Promise.all(loops.map((loop) => loop.serve(polling.signal)))
    },
    drain: async (signal) => {
      polling.abort()
      const answerAll = () => {
        for (const loop of loops) loop.answerNow()
      }
      if (isBootstrap || signal.aborted) answerAll()
      else signal.addEventListener('abort', answerAll, { once: true })
      await Promise.all(loops.map((loop) => loop.finished()))
    },
  }
}

/** Managed Instances run several events at once and say how many; never more pollers than workers. */
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
