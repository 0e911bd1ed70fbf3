/** `rr lambda run`: runs the function of this folder as Lambda would, for `rr invoke` to send events to. */
import { basename, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { systemClock } from '../../src/core/clock.js'
import { LogHost } from '../../src/logging/sink.js'
import { loadEnvironment } from '../../src/plugins/index.js'
import { parseDuration } from '../../src/schema/units.js'
import { type CommonOptions, ExitCode, sayFault, wrongUsage } from '../options.js'
import { listenForEnd } from '../server/signals.js'
import { fileAddress } from './emulator-address.js'
import { type LambdaProgram, lambdaProgram } from './program.js'

/** Options of `rr lambda run` as commander passes them, in addition to the common ones. */
export interface LambdaRunOptions extends CommonOptions {
  readonly address?: string
  readonly allowHost: readonly string[]
  readonly timeout: string
  readonly memory: string
  readonly handler?: string
  readonly initTimeout?: string
  readonly spinDown?: string
  readonly concurrency?: string
  readonly early?: boolean
  /** False with `--no-freeze`. */
  readonly freeze: boolean
  readonly user?: string
}

/** Numeric options, parsed. */
interface Numbers {
  readonly timeoutMs: number
  readonly memoryMb: number
  readonly initMsMax: number | undefined
  readonly idleMsMax: number | undefined
  readonly concurrency: number | undefined
  readonly user: { readonly uid: number; readonly gid: number } | undefined
}

/**
 * Runs until SIGTERM or SIGINT, then ends the environment as Lambda would and returns 0. A second signal kills it at once:
 * 1.
 */
export async function lambdaRun(words: readonly string[], options: LambdaRunOptions): Promise<number> {
  const numbers = readNumbers(options)
  if (typeof numbers === 'string') return wrongUsage(numbers)
  const cwd = resolve(options.workdir ?? '.')
  let program: LambdaProgram | string
  try {
    program = lambdaProgram({ words, isCommand: process.argv.includes('--'), cwd, options })
  } catch (error) {
    sayFault(error)
    return ExitCode.config
  }
  if (typeof program === 'string') return wrongUsage(program)
  const { command, handler } = program
  const address = options.address ?? (await fileAddress(options, cwd)).address
  const host = new LogHost({
    env: process.env,
    isTerminal: isatty(2),
    clock: systemClock,
  })
  host.configure({ level: 'info', encoding: 'auto', lineBytesMax: 2 ** 20 })
  const log = host.named('emulator')
  const ExecutionEnvironment = await loadEnvironment()
  const environment = new ExecutionEnvironment({
    ...numbers,
    command,
    cwd,
    variables: variablesOf(options),
    address,
    hosts: options.allowHost,
    functionName: basename(cwd) || 'function',
    handler,
    initialization: options.early === true ? 'provisioned-concurrency' : 'on-demand',
    freezes: options.freeze,
    clock: systemClock,
    log,
  })
  const end = listenForEnd()
  end.onSecond(() => {
    environment.kill()
    void host.end().then(() => process.exit(ExitCode.fault))
  })
  await environment.start()
  if (!/^(127\.|localhost|\[?::1)/.test(address))
    log.warn({ address }, 'other machines can reach this address and invoke the function')
  log.info({ address: environment.server.address, command: command.join(' ') }, 'waiting for events')
  await end.asked
  await environment.close()
  await host.end()
  return ExitCode.ok
}

function variablesOf({ config }: CommonOptions): Readonly<Record<string, string | undefined>> {
  return config === undefined ? process.env : { ...process.env, RR_CONFIG: resolve(config) }
}

/** Parses the numeric options. A string is the reason why one is wrong. */
function readNumbers(options: LambdaRunOptions): Numbers | string {
  for (const [flag, text] of [
    ['--timeout', options.timeout],
    ['--init-timeout', options.initTimeout],
    ['--spin-down', options.spinDown],
  ] as const) {
    if (text !== undefined && !((parseDuration(text) ?? 0) > 0))
      return `${flag} takes a duration with a unit, as in 30s, not ${JSON.stringify(text)}`
  }
  const [memoryMb, concurrency] = [Number(options.memory), Number(options.concurrency ?? 1)]
  if (!Number.isInteger(memoryMb) || memoryMb < 128 || memoryMb > 32_768)
    return `--memory takes MB from 128 to 32768, not ${JSON.stringify(options.memory)}`
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 10_000)
    return `--concurrency takes a number from 1 to 10000, not ${JSON.stringify(options.concurrency)}`
  const user = /^(\d+)(?::(\d+))?$/.exec(options.user ?? '0')
  if (user === null) return `--user takes UID or UID:GID, not ${JSON.stringify(options.user)}`
  if (options.address !== undefined && !/^.+:\d+$/.test(options.address))
    return `--address takes HOST:PORT, not ${JSON.stringify(options.address)}`
  const uid = Number(user[1])
  return {
    timeoutMs: parseDuration(options.timeout) ?? 0,
    memoryMb,
    initMsMax: options.initTimeout === undefined ? undefined : parseDuration(options.initTimeout),
    idleMsMax: options.spinDown === undefined ? undefined : parseDuration(options.spinDown),
    concurrency: options.concurrency === undefined ? undefined : concurrency,
    user: options.user === undefined ? undefined : { uid, gid: Number(user[2] ?? uid) },
  }
}
