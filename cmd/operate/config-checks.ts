/** Checks of `rr doctor` on the configuration at hand: its faults, and settings that are valid and will hurt. Pure but for the plan itself. */
import { isObject } from '../../src/core/json.js'
import type { Problem } from '../../src/schema/tree.js'
import { type Diagnosis, fine, Grade } from './finding.js'

const stopMsOfKubernetes = 30_000
const workersPerCpuMax = 8
const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const grades: Readonly<Record<Problem['severity'], Grade>> = {
  error: Grade.fault,
  warning: Grade.warn,
  note: Grade.note,
}

/** A configuration to look at. */
export interface ConfigAbout {
  /** Name of the file for people. */
  readonly file: string
  readonly problems: readonly Problem[]
  /** The configuration in force, with secrets masked. */
  readonly config: object
  readonly cpus: number
  readonly isRoot: boolean
}

/** A pool of the configuration. */
export interface PoolSettings {
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** Looks at a configuration. */
export function configFindings({ file, problems, config, cpus, isRoot }: ConfigAbout): readonly Diagnosis[] {
  const faults = problems.map((problem): Diagnosis => {
    const { severity, at, what, hint = 'see `rr validate`' } = problem
    const place = `${at.file}:${at.line}:${at.column}`
    return { grade: grades[severity], about: place, what, todo: hint }
  })
  const sections: Readonly<Record<string, unknown>> = { ...config }
  const found = [
    ...faults,
    ...poolsOf(sections).flatMap((pool) => poolFindings(pool, cpus)),
    ...sectionFindings(sections, isRoot),
  ]
  const isValid = problems.every(({ severity }) => severity === 'note')
  return isValid ? [fine(file, 'is valid'), ...found] : found
}

/** The pools of all sections and of `pools`. */
export function poolsOf(sections: Readonly<Record<string, unknown>>): readonly PoolSettings[] {
  const named = isObject(sections.pools) ? Object.entries(sections.pools) : []
  const own = Object.entries(sections).flatMap(([name, section]) =>
    isObject(section) && isObject(section.pool) ? [[name, section.pool] as const] : [],
  )
  return [...named, ...own].flatMap(([name, settings]) => (isObject(settings) ? [{ name, settings }] : []))
}

function poolFindings({ name, settings }: PoolSettings, cpus: number): readonly Diagnosis[] {
  const supervisor = isObject(settings.supervisor) ? settings.supervisor : {}
  const about = `pool ${name}`
  const found: Diagnosis[] = []
  const add = (grade: Grade, what: string, todo: string) => found.push({ grade, about, what, todo })
  const workers = Number(settings.num_workers)
  if (workers > cpus * workersPerCpuMax)
    add(
      Grade.warn,
      `${workers} workers on ${cpus} processors`,
      'more than a few a processor only help jobs that wait; `concurrency` in the worker needs less memory',
    )
  if (!(Number(supervisor.max_worker_memory) > 0) && !(Number(settings.max_jobs) > 0))
    add(
      Grade.note,
      'neither max_jobs nor supervisor.max_worker_memory is set: a worker that leaks is never replaced',
      'set one of them; `rr dev --leaks` names the jobs that leak',
    )
  if (durationMs(supervisor.exec_ttl) === 0 && name !== 'lambda')
    add(
      Grade.note,
      'supervisor.exec_ttl is 0s: a job that hangs keeps its worker for ever',
      'set it to the longest time that a job may take',
    )
  if (settings.debug === true)
    add(Grade.warn, 'debug is on: each job starts a worker of its own', 'switch it off in production')
  if (durationMs(settings.destroy_timeout) > stopMsOfKubernetes)
    add(
      Grade.note,
      `destroy_timeout is ${String(settings.destroy_timeout)}: Kubernetes kills after 30s by default, Docker after 10s`,
      'let the platform wait as long (terminationGracePeriodSeconds, stop_grace_period), or lower it',
    )
  return found
}

function sectionFindings(sections: Readonly<Record<string, unknown>>, isRoot: boolean): readonly Diagnosis[] {
  const found: Diagnosis[] = []
  const add = (grade: Grade, about: string, what: string, todo: string) =>
    found.push({ grade, about, what, todo })
  const of = (name: string) => (isObject(sections[name]) ? sections[name] : {})
  if (of('logs').level === 'debug')
    add(Grade.note, 'logs.level', 'is debug: some lines a job', 'use info in production')
  if (of('rpc').allow_remote === true)
    add(
      Grade.warn,
      'rpc.allow_remote',
      'is on: each program that reaches rpc.listen can push jobs and stop pools',
      'listen on a Unix socket or on loopback, or let a firewall guard it',
    )
  if (isRoot && of('server').user === undefined)
    add(
      Grade.note,
      'user',
      'this is root, and workers run as root',
      'start the server as another user, or set server.user',
    )
  if ('emulator' in sections)
    add(
      Grade.note,
      'emulator',
      'is on under `rr serve`, too: events come from its address',
      'leave the section to a file for development',
    )
  const isServing = 'http' in sections || 'jobs' in sections
  if (isServing && !('status' in sections))
    add(
      Grade.note,
      'status',
      'is off: a platform cannot ask whether the server is ready',
      'add `status: { address: 127.0.0.1:2114 }` for probes',
    )
  if (isServing && !('metrics' in sections))
    add(Grade.note, 'metrics', 'are off', 'add `metrics: { address: 127.0.0.1:2112 }`')
  return found
}

function durationMs(value: unknown): number {
  const [, number, unit = ''] = /^([\d.]+)(ms|s|m|h)$/.exec(String(value)) ?? []
  return number === undefined ? Number(value) || 0 : Number(number) * (units[unit] ?? 0)
}
