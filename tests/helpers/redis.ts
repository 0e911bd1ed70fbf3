/** A Redis of a test's own: on a free port, in a private folder, and gone with the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePorts } from './free-ports.js'
import { endingWithUs } from './mortal.js'

const isThere = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0

/** False, or why tests of Redis are skipped on this machine. In CI nothing is skipped: they fail. */
export const missingRedis = isThere || process.env.CI ? false : 'redis-server is not on this machine'

/** A Redis. */
export interface TestRedis {
  readonly port: number
  readonly url: string
  /** Starts it again with what it had. Resolves when it takes connections. */
  start(): Promise<void>
  /** Ends it in order. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
}

/** Starts one that writes every command to disk. `words` are further options of redis-server. */
export async function startRedis(
  t: Pick<TestContext, 'after'>,
  words: readonly string[] = [],
): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-redis-'))
  const [port = 0] = await freePorts(1)
  let server: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals) => {
    const child = server
    server = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  const redis: TestRedis = {
    port,
    url: `redis://127.0.0.1:${port}/0`,
    start: async () => {
      const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
      const durable = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
      const [file, ...rest] = endingWithUs(['redis-server', ...options, ...durable, ...words])
      server = spawn(file, rest, { stdio: ['ignore', 'pipe', 'ignore'] })
      await listening(server)
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
  t.after(async () => {
    await end('SIGKILL')
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  })
  await redis.start()
  return redis
}

/** Resolves when it takes connections; rejects with its words when it ends. */
async function listening(server: ChildProcess): Promise<void> {
  let text = ''
  server.stdout?.setEncoding('utf8')
  for await (const chunk of server.stdout ?? []) {
    text += chunk
    if (!text.includes('Ready to accept connections')) continue
    // Further words are of no interest, but must not block it.
    server.stdout?.resume()
    return
  }
  throw new Error(`redis-server ended:\n${text}`)
}
