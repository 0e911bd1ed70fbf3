/**
 * Runs a whole server inside a test, for authors of plugins: real workers and sockets, a private folder, and a log that is data.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readEnvironment } from '../config/env.js'
import { loadConfig } from '../config/load.js'
import { checkInput } from '../config/validation/check-input.js'
import { validateConfig } from '../config/validation/validate.js'
import { type Clock, systemClock } from '../src/core/clock.js'
import { commandWords } from '../src/core/command-words.js'
import { ErrorCode, messageOf, RelayError } from '../src/core/errors.js'
import { seededRandom } from '../src/core/random.js'
import { connectRpc } from '../src/ipc/rpc/client.js'
import { serverPlatform } from '../src/platform/server.js'
import { builtInPlugins } from '../src/plugins/index.js'
import { formatProblem } from '../src/schema/tree.js'
import type { Announcement, AnyPlugin } from '../src/supervisor/plugins/definition.js'
import type { ServiceKey } from '../src/supervisor/plugins/keys.js'
import {
  builtInFile,
  type LoadedPlugin,
  loadPlugin,
  type PluginSource,
} from '../src/supervisor/plugins/load.js'
import { activePlugins, sectionsOf } from '../src/supervisor/plugins/parts.js'
import { type HostSettings, hostSections, hostSettings } from '../src/supervisor/sections.js'
import { Server } from '../src/supervisor/server.js'
import { type LogLine, MemoryLog } from './memory-log.js'

/** Options of a server under test. */
export interface TestServerOptions {
  /** Plugins beside the built-in ones and those that `config` lists. */
  readonly plugins?: readonly AnyPlugin[]
  /** The text of an `rr.yaml`, or its values (`version` may then be absent). */
  readonly config?: string | Readonly<Record<string, unknown>>
  /** Variables over those of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The time of the plugins: their `clock` and its timers. Default: the system's, which the server itself always has. */
  readonly clock?: Clock
  /** Working directory of the workers. Paths of `plugins:` count from here, too. Default: the current one. */
  readonly cwd?: string
}

/** A running server. */
export interface TestServer {
  /** Calls a procedure as an operator's client does, in JSON. Rejects with RR_RPC_FAILED and the server's text. */
  rpc(method: string, argument?: unknown): Promise<unknown>
  /** All lines of the log so far, of all levels. */
  readonly lines: readonly LogLine[]
  /** Resolves with the first line, past or to come, that `isWanted`; rejects after `timeoutMs` (10 s). */
  line(isWanted: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>
  /** Returns the service of a key that some plugin provides. */
  service<T>(key: ServiceKey<T>): T | undefined
  /** Announcements of the plugins: where they listen, with real ports. */
  readonly announced: readonly Announcement[]
  /** Address in the workers' RR_RPC. */
  readonly rpcAddress: string
  /** Resolves with the error of a plugin whose `serve` threw. */
  readonly failed: Promise<Error>
  /**
   * Stops the server in order and removes its folder. Rejects with an AggregateError when a step failed. A second call does
   * nothing.
   */
  stop(): Promise<void>
}

const lineMsMax = 10_000
const seed = 1
const hostNames = hostSections.map(({ name }) => name)

/**
 * Starts a server in this process and resolves when its first workers have booted. Rejects as `rr serve` would fail, e.g. with
 * RR_CONFIG_INVALID, RR_PLUGIN_SETUP or RR_WORKER_BOOT; nothing is left running then.
 */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-test-'))
  const { clock = systemClock, cwd = process.cwd() } = options
  const log = new MemoryLog(systemClock)
  let server: Server | undefined
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= stopServer(server, folder)
    return stopped
  }
  try {
    const env = { ...readEnvironment(undefined), ...options.env }
    const file = join(folder, 'rr.yaml')
    await writeFile(file, textOf(options.config))
    const { plugins, settings } = await configured(file, cwd, env, options.plugins ?? [])
    server = serverOf({ plugins, settings, file, cwd, env, clock, log, stop })
    await server.start()
    await server.booted()
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
  return testServer(server, log, stop)
}

function testServer(server: Server, log: MemoryLog, stop: () => Promise<void>): TestServer {
  return {
    lines: log.lines,
    line: (isWanted, timeoutMs = lineMsMax) => log.find(isWanted, AbortSignal.timeout(timeoutMs)),
    service: (key) => server.service(key),
    announced: server.announced(),
    rpcAddress: server.rpc.address,
    failed: server.failed,
    rpc: async (method, argument) => {
      const client = await connectRpc(server.rpc.controlAddress)
      try {
        return await client.call({ name: method, read: (answer) => answer }, argument)
      } finally {
        client.close()
      }
    },
    stop,
  }
}

async function stopServer(server: Server | undefined, folder: string): Promise<void> {
  const faults = (await server?.stop()) ?? []
  await rm(folder, { recursive: true, force: true })
  if (faults.length > 0) throw new AggregateError(faults, faults.map(messageOf).join('; '))
}

function textOf(config: TestServerOptions['config']): string {
  if (typeof config === 'string') return config
  return JSON.stringify({ version: '3', ...config })
}

/** Returns all active plugins with their validated sections. Rejects with RR_CONFIG_INVALID and every fault. */
async function configured(
  file: string,
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
  given: readonly AnyPlugin[],
): Promise<Pick<Parts, 'plugins' | 'settings'>> {
  const loaded = await loadConfig({ file, cwd, env, overrides: [] })
  const listed = await Promise.all(loaded.plugins.map(({ specifier }) => loadPlugin(specifier, cwd)))
  const sources: PluginSource[] = [
    ...builtInPlugins.map((plugin) => ({ plugin, file: builtInFile, version: undefined })),
    ...given.map((plugin) => ({ plugin, file: '(given to startServer)', version: plugin.version })),
    ...listed,
  ]
  const all = sources.map(({ plugin }) => plugin)
  const active = activePlugins(all, 'serve', loaded.entries)
  const { values, problems } = await validateConfig(
    loaded.entries,
    [...hostSections, ...sectionsOf(all)],
    new Set([...hostNames, ...active.map(({ name }) => name)]),
  )
  const faults = [...loaded.problems, ...problems].filter(({ severity }) => severity === 'error')
  if (faults.length > 0) {
    const text = faults.map(formatProblem).join('\n')
    throw new RelayError(ErrorCode.ConfigInvalid, `the configuration has ${faults.length} faults:\n${text}`)
  }
  const plugins = sources
    .filter(({ plugin }) => active.includes(plugin))
    .map((source) => ({ ...source, config: values.get(source.plugin.name) ?? {} }))
  return { plugins, settings: hostSettings(values) }
}

interface Parts {
  readonly settings: HostSettings
  readonly plugins: readonly LoadedPlugin[]
  readonly file: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: MemoryLog
  readonly stop: () => Promise<void>
}

function serverOf({ plugins, settings, file, cwd, env, clock, log, stop }: Parts): Server {
  const version = '0.0.0-test'
  return new Server({
    plugins,
    mode: 'serve',
    settings,
    identity: { uid: process.getuid?.() ?? 0, path: file, listen: '' },
    cwd,
    env: { ...env, RELAYRUNNER_VERSION: version },
    platform: serverPlatform,
    version,
    clock: systemClock,
    pluginClock: clock,
    random: seededRandom(seed),
    log,
    splitCommand: (text) => commandWords(text) ?? [],
    checkInput,
    tellsBootsOnce: true,
    // The test's own `stop` reports what failed.
    onStopAsked: () => void stop().catch(() => undefined),
  })
}
