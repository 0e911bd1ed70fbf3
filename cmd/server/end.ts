/** Ends a running server: in order, within a budget of time, at once, or because something called `process.exit`. */
import { sleep, systemClock } from '../../src/core/clock.js'
import type { LogHost } from '../../src/logging/sink.js'
import type { StopBudget } from '../../src/platform/platform.js'
import type { Server } from '../../src/supervisor/server.js'
import { ExitCode } from '../options.js'
import { type PluginPlace, pluginOf } from './uncaught.js'

const killedMsMax = 500

/** A stop, and how it was asked for. */
export interface StopAsked {
  readonly log: LogHost
  /** Exit code when all goes well. */
  readonly code: number
  readonly signal: string | undefined
}

/** Lets running jobs end and says what it waits for; resolves with `code`, or with 1 when a step failed. */
export async function stopInOrder(server: Server, { log, code, signal }: StopAsked): Promise<number> {
  log.info({ signal }, 'stopping')
  sayWhatRuns(server, log, signal)
  const faults = await server.stop()
  log.info({}, 'stopped')
  return faults.length > 0 ? ExitCode.fault : code
}

/** Answers what is in hand and kills the rest; resolves with `code` within the budget, or ends the process with it. */
export async function stopWithin(budget: StopBudget, server: Server, asked: StopAsked): Promise<number> {
  const { log, code } = asked
  const kill = systemClock.timer(budget.killMs, () => server.kill())
  // Not cleared: the last flush of the log is within that time, too.
  systemClock.timer(budget.endMs, () => {
    void log.flush()
    exitNow(code)
  })
  await server.drain(budget.killMs)
  server.kill()
  await server.stop()
  kill.clear()
  return code
}

/** Ends at once after a second signal. It waits for no job, only until killed processes are reaped, so that process 1 gets no zombies. */
export async function killAtOnce(server: Server | undefined, log: LogHost): Promise<never> {
  // Killing the workers also lets the orderly stop finish, maybe before us.
  isKilled = true
  log.warn({}, 'a second signal: everything is killed')
  await Promise.race([server?.killAndReap(), sleep(systemClock, killedMsMax)])
  await log.end()
  exitNow(ExitCode.fault)
}

let isOurs = false
let isKilled = false

/** Ends the process, with 1 after a second signal; a plugin may have left a timer or a socket behind, and the end does not wait for it. */
export function exitNow(code: number): never {
  isOurs = true
  process.exit(isKilled ? ExitCode.fault : code)
}

/** State that `watchExit` reads when the process ends. */
export interface ExitView {
  readonly log: LogHost
  readonly server: () => Server | undefined
  readonly plugins: () => readonly PluginPlace[]
}

/**
 * Tells of an end that is not ours: code in this process called `process.exit`, or nothing was left to wait for. It cannot be
 * held up any more, so workers are killed and the code becomes 1.
 */
export function watchExit({ log, server, plugins }: ExitView): void {
  process.on('exit', (code) => {
    if (isOurs) return
    const stack = new Error('the process ends').stack ?? ''
    const plugin = pluginOf(stack, plugins())
    const facts = { ...(plugin && { plugin: plugin.name, file: plugin.file }), code }
    const isCall = stack.includes('process.exit')
    const what = isCall ? 'something called process.exit' : 'nothing was left to wait for'
    log.error(
      {
        ...facts,
        stackTrace: stack
          .split('\n')
          .slice(2)
          .map((line) => line.trim()),
      },
      `${what}: the server ends at once`,
    )
    server()?.kill()
    // Only synchronous writes are possible: nothing else runs any more.
    void log.flush()
    process.exitCode = ExitCode.fault
  })
}

function sayWhatRuns(server: Server, log: LogHost, signal: string | undefined): void {
  const jobs = server.pools.all().reduce((sum, pool) => sum + pool.busyCount, 0)
  if (jobs === 0) return
  const limitMs = server.pools.destroyMsMax
  const what = `${jobs} ${jobs === 1 ? 'job still runs' : 'jobs still run'}, up to ${Math.ceil(limitMs / 1000)} s`
  const how = signal === 'SIGINT' ? 'Ctrl-C again to kill' : 'a second signal kills'
  log.info({ jobs, limitMs }, `${what}; ${how}`)
}
