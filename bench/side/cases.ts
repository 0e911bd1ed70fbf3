/** Servers that are measured side by side: the peers that were named, the floor in C, and this project; each in a folder of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectFolder } from '../../tests/helpers/project.js'
import { pause } from './machine.js'

/** Things that all rows of one run share. */
export interface Side {
  /** Removed after the run. */
  readonly folder: string
  readonly native: string | undefined
  /** NAME=COMMAND of each `--peer`. */
  readonly peers: readonly string[]
  /** Keys of `lambda:` for our own server, from `--lambda`. */
  readonly lambda: string
  /** Keys of `jobs:` for our own server, from `--jobs`. */
  readonly jobs: string
  readonly seconds: number
}

/** One server that can be started. */
export interface Case {
  readonly name: string
  readonly folder: string
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** Kind of the workers of a row. */
export interface Work {
  readonly workers: number
  /** Time that a job takes, in ms. */
  readonly jobMs?: number
  /** Time that a worker's boot takes beside the start of PHP, in ms. */
  readonly bootMs?: number
  /** False for events that the floor cannot split. */
  readonly hasFloor?: boolean
}

const php = 'bench/worker.php'
const hasPhp = spawnSync('php', ['-v'], { stdio: 'ignore' }).status === 0

/** Command of a worker that boots for `bootMs` and answers `{"ok":true}` after `jobMs`. */
export function workerCommand(jobMs: number, bootMs = 0): string {
  if (!hasPhp) throw new Error('the bench needs php for its workers')
  return `php ${join(projectFolder, php)} ${jobMs}${bootMs > 0 ? ` ${bootMs}` : ''}`
}

/** Makes the cases of a row; the first is the unit of its ratios. */
export async function casesOf(
  side: Side,
  { workers, jobMs = 0, bootMs = 0, hasFloor = true }: Work,
): Promise<readonly Case[]> {
  const worker = workerCommand(jobMs, bootMs)
  const floor = side.native !== undefined && hasFloor ? `${side.native} floor ${worker}` : undefined
  const cases = await serverCases(side, { WORKERS: String(workers), WORKER: worker }, 'bootstrap', floor)
  const folder = cases.at(-1)?.folder ?? ''
  await writeFile(join(folder, 'rr.yaml'), configOf({ worker, workers, lambda: side.lambda }))
  return cases
}

/** Makes the cases of peers, of the floor, and of this project's command, which is the last one and has no file yet. */
export async function serverCases(
  side: Pick<Side, 'folder' | 'peers'>,
  env: Case['env'],
  command: 'bootstrap' | 'serve',
  floor?: string,
): Promise<readonly Case[]> {
  const cases: Case[] = []
  const add = async (name: string, words: string) => {
    const folder = join(side.folder, name.replace(/\W/g, '-'))
    await mkdir(folder, { recursive: true })
    cases.push({ name, folder, command: words, env })
  }
  for (const peer of side.peers) {
    const [name = '', ...words] = peer.split('=')
    await add(name, words.join('='))
  }
  if (floor !== undefined) await add('floor', floor)
  const rr = join(projectFolder, 'dist/cmd/rr.js')
  await add('relayrunner', `${process.execPath} ${rr} ${command} -c rr.yaml`)
  return cases
}

/** The same case started by the `bootstrap` script that ships, after `rr compile` where there is such a command. */
export function shipped(one: Case): Case {
  const rr = join(projectFolder, 'dist/cmd/rr.js')
  const out = join(one.folder, 'compiled')
  const words = [rr, 'compile', '-c', join(one.folder, 'rr.yaml'), '--out', out]
  const run = spawnSync(process.execPath, words, { cwd: one.folder, encoding: 'utf8' })
  if (run.status !== 0) console.log(`rr compile failed: ${run.stderr.trim().split('\n')[0]}`)
  const script = join(projectFolder, 'bootstrap')
  if (!existsSync(script)) throw new Error(`there is no ${script}`)
  const env = { ...one.env, RELAYRUNNER_COMPILED: out }
  return { ...one, name: 'relayrunner, bootstrap', command: `sh ${script}`, env }
}

function configOf({ worker, workers, lambda }: { worker: string; workers: number; lambda: string }): string {
  const more = lambda === '' ? '' : `, ${lambda}`
  return [
    'version: "3"',
    `server: { command: "${worker}" }`,
    'logs: { level: error }',
    `lambda: { mode: raw, pool: { num_workers: ${workers} }${more} }`,
    '',
  ].join('\n')
}

/** Starts a server in a session of its own, with Lambda's variables. */
export function startCase(one: Case, api: string): ChildProcess {
  const env: Record<string, string | undefined> = {
    ...process.env,
    ...one.env,
    AWS_LAMBDA_RUNTIME_API: api,
    AWS_LAMBDA_FUNCTION_NAME: 'f',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1769',
    AWS_REGION: 'us-east-1',
    LAMBDA_TASK_ROOT: one.folder,
    _HANDLER: 'worker',
  }
  // It slows the start of Node 20 by 80 ms.
  delete env.NODE_EXTRA_CA_CERTS
  const child = spawn('sh', ['-c', `exec ${one.command}`], {
    cwd: one.folder,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** Servers in sessions of their own: they would outlive this process. */
const running = new Set<ChildProcess>()

/** Ends all servers that run. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map(endCase))
}

/** Ends a server and its process group. */
export async function endCase(child: ChildProcess): Promise<void> {
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  if (!isOver()) {
    child.kill('SIGTERM')
    await Promise.race([once(child, 'exit'), pause(3000)])
  }
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL')
  } catch {
    // The group has gone.
  }
}
