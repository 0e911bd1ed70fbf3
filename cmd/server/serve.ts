/** `rr serve`, `rr dev` and `rr bootstrap`: three ways to run a server, from the options to the exit code. */
import { isatty } from 'node:tty'
import { systemClock } from '../../src/core/clock.js'
import { LogHost } from '../../src/logging/sink.js'
import { lambdaPlatform } from '../../src/platform/lambda.js'
import { serverPlatform } from '../../src/platform/server.js'
import type { RunMode } from '../../src/supervisor/plugins/definition.js'
import type { CommonOptions } from '../options.js'
import { exitNow } from './end.js'
import type { StartOptions } from './plan.js'
import { type Manner, ServerRun } from './server-run.js'

/** Runs until SIGTERM or SIGINT. */
export function serve(options: CommonOptions): Promise<number> {
  return run('serve', options)
}

/** Options of `rr dev`, in addition to the common ones. */
export interface DevOptions extends CommonOptions {
  /** `--sqs QUEUE`: short for `-o emulator.sqs.queue=QUEUE`. */
  readonly sqs?: string
  /** `--leaks`: workers report what jobs leave behind. */
  readonly leaks?: boolean
}

/** Serves with the emulator, and restarts workers when files change. With `handler` no configuration file is needed. */
export function dev(handler: string | undefined, options: DevOptions): Promise<number> {
  const { override, sqs } = options
  const isAsked = override.some((one) => one.startsWith('logs.encoding='))
  // Quoted: a queue may be called 7 or on.
  const queue = sqs === undefined ? [] : [`emulator.sqs.queue=${JSON.stringify(sqs)}`]
  const encoding = isAsked ? [] : ['logs.encoding=console']
  return run('dev', { ...options, handler, override: [...override, ...encoding, ...queue] })
}

/** Inside Lambda. `handler` is for `rr lambda run HANDLER`, which has `_HANDLER` of the same name. */
export function bootstrap(handler: string | undefined, options: StartOptions): Promise<number> {
  return run('bootstrap', { ...options, handler })
}

const manners: Readonly<Record<RunMode, Manner>> = {
  serve: { isInLambda: false, watches: false, tellsBootsOnce: false },
  dev: { isInLambda: false, watches: true, tellsBootsOnce: true },
  bootstrap: { isInLambda: true, watches: false, tellsBootsOnce: true },
}

/**
 * Keeps an error of standard output or error from ending the process. Their reader may have closed them: the log counts what it could not
 * write, and nothing else depends on them. To make the two streams takes a millisecond, for which a cold start need not wait.
 */
function ignoreLostReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}

async function run(mode: RunMode, options: StartOptions): Promise<number> {
  const manner = manners[mode]
  const platform = manner.isInLambda ? lambdaPlatform(process.env) : serverPlatform
  const log = new LogHost({
    env: process.env,
    shape: platform.log,
    isTerminal: isatty(2),
    clock: systemClock,
  })
  if (manner.isInLambda) setImmediate(ignoreLostReaders)
  else ignoreLostReaders()
  const code = await new ServerRun({ mode, manner, platform, log }).run(options)
  // What the last step rejected without a handler is told in a turn of its own.
  await new Promise<void>((resolve) => setImmediate(resolve))
  await log.end()
  exitNow(code)
}
