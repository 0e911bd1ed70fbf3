/**
 * Laravel's jobs out of one Redis list, by `queue:work` and by ours with 1, 2 and 4 workers, in turn: jobs a second of jobs that do nothing,
 * and of jobs that wait 50 ms. Needs Debian's php-laravel-framework and redis-server. Then its cold starts.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { projectFolder, rrCommand } from '../../tests/helpers/project.js'
import { benchColdStart } from './cold-start.js'

const artisan = join(projectFolder, 'bench/laravel/artisan.php')
const list = 'queues:default'
const pollMs = 5
const pushedMax = 1000
const rounds = 5
const loads = [
  { name: 'empty job', job: 'Nothing', count: (workers: number) => (workers === 1 ? 3000 : 6000) },
  { name: 'job of 50 ms', job: 'Waits', count: (workers: number) => 60 * workers },
] as const

/** A way to run the jobs. */
interface Way {
  readonly name: string
  readonly workers: number
  readonly start: () => Promise<ChildProcess>
}

/** Settings that all ways share. */
interface Bench {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  readonly port: number
}

/** Prints a row for each way and load: the median of five rounds, and all of them. */
export async function benchLaravel(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const port = await freePort()
  const server = spawn('redis-server', ['--port', `${port}`, '--save', '', '--bind', '127.0.0.1'], {
    stdio: 'ignore',
  })
  const env = { ...process.env, APP_BASE: folder, REDIS_PORT: `${port}`, QUEUE_CONNECTION: 'redis' }
  const redis = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null })
  // Redis may not listen yet.
  redis.on('error', () => undefined)
  try {
    await redis.ping()
    await compare({ folder, env, port }, redis)
  } finally {
    redis.disconnect()
    server.kill('SIGKILL')
    await once(server, 'exit')
    await benchColdStart(folder)
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

async function compare(bench: Bench, redis: Redis): Promise<void> {
  const ways = [queueWork(bench), ...[1, 2, 4].map((workers) => ours(bench, workers))]
  for (const load of loads) {
    console.log(`Laravel, ${load.name}: jobs/s, median [all rounds]`)
    const rates = new Map<string, number[]>(ways.map(({ name }) => [name, []]))
    for (let round = 0; round < rounds; round += 1)
      for (const way of ways) {
        const count = load.count(way.workers)
        rates.get(way.name)?.push(await rateOf(bench, redis, { way, job: load.job, count }))
      }
    const unit = medianOf(rates.get(ways[0]?.name ?? '') ?? [])
    for (const [name, all] of rates) {
      const median = medianOf(all)
      const texts = all.map((rate) => rate.toFixed(0)).join(', ')
      console.log(
        `  ${name.padEnd(20)} ${median.toFixed(0).padStart(6)}/s ×${(median / unit).toFixed(2)}   [${texts}]`,
      )
    }
  }
}

function queueWork({ env }: Bench): Way {
  const words = [artisan, 'queue:work', 'redis', '--sleep=0', '--tries=1', '--memory=512']
  return {
    name: 'queue:work',
    workers: 1,
    start: () => Promise.resolve(spawn('php', words, { env, stdio: 'ignore' })),
  }
}

function ours({ folder, env, port }: Bench, workers: number): Way {
  return {
    name: `ours, ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    workers,
    start: async () => {
      const file = join(folder, 'rr.yaml')
      await writeFile(
        file,
        `version: "3"
server: { command: "php ${artisan} relayrunner:work" }
logs: { level: error }
jobs:
  mode: raw
  consume: [mail]
  pool: { num_workers: ${workers} }
  pipelines: { mail: { driver: laravel-redis, config: { url: "redis://127.0.0.1:${port}/0", queue: default } } }
`,
      )
      const logged = { ...env, RELAYRUNNER_CONFIG: '{"log_jobs":false}' }
      const child = spawn(process.execPath, [rrCommand, 'serve', '-c', file], {
        env: logged,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      child.stderr.pipe(createWriteStream(join(folder, 'log'), { flags: 'a' }))
      return child
    },
  }
}

/** Jobs a second, from the push of all jobs to a booted consumer until none is waiting, delayed or reserved. */
async function rateOf(
  { env }: Bench,
  redis: Redis,
  { way, job, count }: { readonly way: Way; readonly job: string; readonly count: number },
): Promise<number> {
  const warm = bodiesOf(env, job, 10 * way.workers)
  const bodies = bodiesOf(env, job, count)
  await redis.flushall()
  const child = await way.start()
  try {
    await push(redis, warm)
    await drained(redis, child)
    const since = performance.now()
    await push(redis, bodies)
    await drained(redis, child)
    return (count / (performance.now() - since)) * 1000
  } finally {
    await end(child)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** Pushes as Laravel does, whose script leaves a hint beside each job. */
async function push(redis: Redis, bodies: readonly string[]): Promise<void> {
  for (let at = 0; at < bodies.length; at += pushedMax) {
    const some = bodies.slice(at, at + pushedMax)
    await redis
      .multi()
      .rpush(list, ...some)
      .rpush(`${list}:notify`, ...some.map(() => '1'))
      .exec()
  }
}

async function drained(redis: Redis, child: ChildProcess): Promise<void> {
  for (;;) {
    const [waiting, reserved, delayed] = await Promise.all([
      redis.llen(list),
      redis.zcard(`${list}:reserved`),
      redis.zcard(`${list}:delayed`),
    ])
    if (waiting + reserved + delayed === 0) return
    const { exitCode, signalCode } = child
    if (exitCode !== null || signalCode !== null)
      throw new Error(`${child.spawnargs.join(' ')} ended with ${exitCode ?? signalCode}`)
    await setTimeout(pollMs)
  }
}

function bodiesOf(env: NodeJS.ProcessEnv, job: string, count: number): readonly string[] {
  const options = { env, encoding: 'utf8', maxBuffer: 256 << 20 } as const
  return execFileSync('php', [artisan, 'bodies', job, `${count}`], options)
    .trimEnd()
    .split('\n')
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  server.close()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}
