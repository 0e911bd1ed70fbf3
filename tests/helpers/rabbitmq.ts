/** A RabbitMQ of a test's own: on free ports, in a private folder, as the current user, and gone with the test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isExecutable, missingBroker } from './broker-process.js'
import { freePorts } from './free-ports.js'
import { endingWithUs } from './mortal.js'

// Debian's own `rabbitmq-server` wants to be root; this is the program behind it.
const program = '/usr/lib/rabbitmq/bin/rabbitmq-server'
const bootMsMax = 60_000

/** False, or why tests of RabbitMQ are skipped. Throws in CI, where nothing may be skipped. */
export const missingRabbit = missingBroker('rabbitmq-server', isExecutable(program) ? program : undefined)

/** A RabbitMQ. */
export interface Rabbit {
  readonly port: number
  /** Address with the user `guest`. */
  readonly addr: string
  /** Starts it again with what it had. Resolves when it takes connections. */
  start(): Promise<void>
  /** Ends it in order. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
  /** Ends it for good. */
  end(): Promise<void>
}

/** Starts one. Its caller ends it; it does not outlive this process. */
export async function startRabbit(): Promise<Rabbit> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-rabbitmq-'))
  const [port = 0, distPort = 0, epmdPort = 0] = await freePorts(3)
  const files = ['home', 'mnesia', 'log', 'gen'] as const
  for (const name of files) await mkdir(join(folder, name))
  await writeFile(join(folder, 'enabled'), '[].')
  const lines = [
    `listeners.tcp.local = 127.0.0.1:${port}`,
    'log.console = true',
    'log.console.level = info',
    'log.file = false',
    '',
  ]
  await writeFile(join(folder, 'rabbitmq.conf'), lines.join('\n'))
  // A port mapper of our own: Erlang would leave one behind as a daemon.
  const mapper = spawnMortal(['epmd', '-port', String(epmdPort), '-address', '127.0.0.1'], {})
  const env = {
    HOME: join(folder, 'home'),
    RABBITMQ_NODENAME: `rr${process.pid}x${port}@localhost`,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'gen'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none',
    ERL_EPMD_PORT: String(epmdPort),
    // The program then becomes the broker, instead of being its parent.
    RUNNING_UNDER_SYSTEMD: '1',
  }
  let broker: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals) => {
    const child = broker
    broker = undefined
    await ended(child, signal)
  }
  const rabbit: Rabbit = {
    port,
    addr: `amqp://guest:guest@127.0.0.1:${port}/`,
    start: async () => {
      broker = spawnMortal([program], env)
      await booted(broker)
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    end: async () => {
      await end('SIGKILL')
      await ended(mapper, 'SIGKILL')
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    },
  }
  await rabbit.start().catch(async (error: unknown) => {
    await rabbit.end()
    throw error
  })
  return rabbit
}

function spawnMortal(
  words: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const [file, ...rest] = endingWithUs(words)
  return spawn(file, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function ended(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

/** Resolves when the log says that it is up; rejects with the log when it ends or takes too long. */
function booted(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = (why: string) => reject(new Error(`RabbitMQ ${why}:\n${text.slice(-4000)}`))
    const timer = setTimeout(() => fail('did not start in time'), bootMsMax)
    const take = (chunk: Buffer) => {
      if (text.includes('Server startup complete')) return
      text += chunk.toString()
      if (!text.includes('Server startup complete')) return
      clearTimeout(timer)
      resolve()
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.once('error', (error) => fail(`could not be started (${error.message})`))
    child.once('exit', () => {
      clearTimeout(timer)
      fail('ended')
    })
  })
}
