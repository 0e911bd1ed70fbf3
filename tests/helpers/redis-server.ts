/** A Redis of one test: on a free port, in memory, gone with the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { endingWithUs } from './mortal.js'

/** False, or why tests that need Redis are skipped. Throws in CI, where nothing may be skipped. */
export const noRedis = missingRedis()

function missingRedis(): string | false {
  if (spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0) return false
  const why = 'redis-server is not on this machine'
  if (process.env.CI) throw new Error(`${why}: in CI nothing may be skipped, install it (see .ci/run)`)
  return why
}

/** A running server. */
export interface RedisServer {
  /** `127.0.0.1:PORT`. */
  readonly address: string
  /** Ends it; its data are gone. */
  kill(): Promise<void>
  /** Starts it again at the same address. */
  start(): Promise<void>
}

/** Starts a server that takes connections; `options` are further arguments. */
export async function redisServer(t: TestContext, options: readonly string[] = []): Promise<RedisServer> {
  const port = await freePort()
  let child: ChildProcess
  const start = async () => {
    child = await run(port, options)
  }
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await start()
  t.after(kill)
  return { address: `127.0.0.1:${port}`, kill, start }
}

async function run(port: number, options: readonly string[]): Promise<ChildProcess> {
  const words = [
    'redis-server',
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  const [file, ...rest] = endingWithUs(['redis-server', ...words.slice(1), ...options])
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.includes('Ready to accept connections')) resolve()
    })
    child.once('exit', () => reject(new Error(`redis-server ended:\n${text}`)))
  })
  return child
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  server.close()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}
