/** A real pool of real processes for tests: one line to start it, everything it left behind is removed afterwards. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { messageOf, RelayError } from '../../src/core/errors.js'
import { seededRandom } from '../../src/core/random.js'
import type { LogFields, Logger } from '../../src/logging/logger.js'
import { OutputPacer } from '../../src/logging/output-pacer.js'
import type { WorkerLine } from '../../src/logging/worker-lines.js'
import type { Platform } from '../../src/platform/platform.js'
import { serverPlatform } from '../../src/platform/server.js'
import { defaultsOf } from '../../src/schema/defaults.js'
import { ChildTools } from '../../src/supervisor/child-tools.js'
import type { InFlightLedger } from '../../src/supervisor/ledger.js'
import { type PoolConfig, poolProperties } from '../../src/supervisor/pool/keys.js'
import type { ManagedPool } from '../../src/supervisor/pool/pool.js'
import { PoolsHost } from '../../src/supervisor/pools-host.js'
import { fixture } from './project.js'

/** A line of the server's log as a test sees it. */
export interface Logged {
  readonly level: string
  readonly message: string
  readonly fields: LogFields
}

/** A logger that remembers. */
export function recordingLogger(lines: Logged[] = []): Logger & { readonly lines: Logged[] } {
  const add = (level: string) => (fields: LogFields, message: string) =>
    void lines.push({ level, message, fields })
  const log = { lines, debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') }
  const writeError = (fields: LogFields, message: string) =>
    Promise.resolve(log.error(fields, message)).then(() => true)
  return { ...log, writeError, named: () => recordingLogger(lines), isEnabled: () => true }
}

const defaults = defaultsOf({ properties: poolProperties })

/** The defaults of a pool, with one worker and times that suit tests. */
export const poolDefaults: PoolConfig = {
  ...defaults,
  num_workers: 1,
  allocate_timeout: 30_000,
  destroy_timeout: 10_000,
  reset_timeout: 10_000,
}

/** A pool and what it wrote. */
export interface TestPool {
  readonly pool: ManagedPool
  readonly host: PoolsHost
  /** The private folder of its server. */
  readonly folder: string
  readonly lines: WorkerLine[]
  readonly log: ReturnType<typeof recordingLogger>
  /** Resolves with the first line that a worker wrote and `matches`; lines that came before count. */
  line(matches: RegExp): Promise<WorkerLine>
}

/** Options that a test may change. */
export interface TestPoolOptions {
  readonly relay?: string
  readonly mode?: string
  readonly env?: Readonly<Record<string, string>>
  /** A server on a machine of its own, unless the test says otherwise. */
  readonly platform?: Platform
  readonly config?: Partial<PoolConfig>
  readonly ledger?: InFlightLedger
  /** Pools that are shared by name. */
  readonly declared?: Readonly<Record<string, PoolConfig>>
}

/** The command of a fixture worker. */
export function fixtureCommand(name: string, ...words: readonly string[]): readonly string[] {
  return [process.execPath, fixture('workers', `${name}.mjs`), ...words]
}

/** Starts a pool on a fixture worker or any command; it is stopped, or killed, when the test ends. */
export async function startPool(
  t: TestContext,
  command: string | readonly string[],
  options: TestPoolOptions = {},
): Promise<TestPool> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-pool-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const lines: WorkerLine[] = []
  const waiting: { matches: RegExp; resolve: (line: WorkerLine) => void }[] = []
  const log = recordingLogger()
  const relay = options.relay ?? 'auto'
  const children = new ChildTools({ folder, log, isSparing: false })
  const host = new PoolsHost({
    children,
    server: { command: undefined, relay: relay.replace('FOLDER', folder), env: {} },
    declared: options.declared ?? {},
    folder,
    cwd: folder,
    env: { ...process.env, ...options.env },
    platform: options.platform ?? serverPlatform,
    rpcAddress: () => 'unix:///nowhere.sock',
    version: '0.0.0',
    clock: systemClock,
    random: seededRandom(1),
    log,
    ...(options.ledger === undefined ? {} : { ledger: options.ledger }),
    writeLine: (line) => {
      lines.push(line)
      for (const one of waiting) if (one.matches.test(line.text)) one.resolve(line)
    },
    lineBytesMax: () => 1 << 20,
    pacer: new OutputPacer(systemClock),
    splitCommand: (text) => text.split(' '),
  })
  t.after(async () => {
    host.kill()
    await host.stop(0)
    await children.close()
  })
  const words = typeof command === 'string' ? fixtureCommand(command) : command
  const pool = host.open(
    { ...poolDefaults, ...options.config, command: words },
    { name: 'test', mode: options.mode ?? 'lambda' },
  )
  return {
    pool,
    host,
    folder,
    lines,
    log,
    line: (matches) => {
      const found = lines.find((line) => matches.test(line.text))
      return found ? Promise.resolve(found) : new Promise((resolve) => waiting.push({ matches, resolve }))
    },
  }
}

/** A job with this body. */
export function job(body: string, id?: string) {
  return { context: '{}', body, codec: 0x04, ...(id === undefined ? {} : { id }) } as const
}

/** The body of a reply as text. */
export function textOf(reply: { readonly body: Uint8Array }): string {
  return Buffer.from(reply.body).toString()
}

/** Returns the text of a worker's error as it came; the message of any other error. */
export function errorTextOf(error: unknown): string {
  const text = error instanceof RelayError ? error.details.text : undefined
  return typeof text === 'string' ? text : messageOf(error)
}

/** True while the process or a zombie of it exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
