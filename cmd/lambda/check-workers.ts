/** Reads the settings of `rr.yaml` that matter to the function, as `rr validate` reads them; without a file, the defaults. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Loaded } from '../../config/load.js'
import { ErrorCode, hasCode } from '../../src/core/errors.js'
import { memberOf } from '../../src/lambda-check/intrinsics.js'
import type { Fact, WorkerSetup } from '../../src/lambda-check/setup.js'
import { builtInPlugins } from '../../src/plugins/index.js'
import { defaultsOf } from '../../src/schema/defaults.js'
import type { Place, Problem } from '../../src/schema/tree.js'
import type { CommonOptions } from '../options.js'
import { planStart } from '../server/plan.js'

/** Settings of the workers, and the problems of the file. */
export interface ReadWorkers {
  readonly workers: WorkerSetup
  readonly problems: readonly Problem[]
}

/**
 * Reads the file that `-c` or RR_CONFIG names, else the first `rr.yaml` of `folders`, else the one here. Rejects with
 * RR_CONFIG_NOT_FOUND when a file is named that is not there.
 */
export async function readWorkers(options: CommonOptions, folders: readonly string[]): Promise<ReadWorkers> {
  const isNamed = options.config !== undefined || (process.env.RR_CONFIG ?? '') !== ''
  const beside = folders.flatMap((folder) => [join(folder, 'rr.yaml'), join(folder, '.rr.yaml')])
  const found = isNamed ? undefined : beside.find((file) => existsSync(file))
  try {
    const plan = await planStart('check', found === undefined ? options : { ...options, config: found })
    return { workers: workersOf(plan.values, plan.entries), problems: plan.problems }
  } catch (error) {
    if (isNamed || !hasCode(error, ErrorCode.ConfigNotFound)) throw error
    return { workers: workersOf(new Map(), new Map()), problems: [] }
  }
}

type SectionValues = ReadonlyMap<string, unknown>
type Entries = Loaded['entries']

function workersOf(values: SectionValues, entries: Entries): WorkerSetup {
  const lambda = recordOf(values.get('lambda') ?? defaults())
  const poolName = typeof lambda.pool === 'string' ? lambda.pool : undefined
  const pool = recordOf(poolName === undefined ? lambda.pool : recordOf(values.get('pools'))[poolName])
  const poolPath = poolName === undefined ? ['lambda', 'pool'] : ['pools', poolName]
  const count = pool.num_workers
  const fact = <T>(value: T, path: readonly string[]): Fact<T> => {
    const at = placeOf(entries, path)
    return at === undefined ? { value, isDefault: true } : { value, at }
  }
  const ms = (value: unknown, path: readonly string[]) => fact(typeof value === 'number' ? value : 0, path)
  return {
    mode: lambda.mode === 'event' ? 'event' : 'raw',
    poolKey: poolPath.join('.'),
    partialFailures: fact(lambda.partial_failures !== 'off', ['lambda', 'partial_failures']),
    count: fact(typeof count === 'number' ? count : 'auto', [...poolPath, 'num_workers']),
    execTtlMs: ms(recordOf(pool.supervisor).exec_ttl, [...poolPath, 'supervisor', 'exec_ttl']),
    allocateTimeoutMs: ms(pool.allocate_timeout, [...poolPath, 'allocate_timeout']),
    marginMs: ms(lambda.deadline_margin, ['lambda', 'deadline_margin']),
  }
}

/** Returns the section `lambda:` with all its defaults. */
function defaults(): unknown {
  return defaultsOf(builtInPlugins.find(({ name }) => name === 'lambda')?.config ?? { properties: {} })
}

function placeOf(entries: Entries, [section = '', ...path]: readonly string[]): Place | undefined {
  const found = path.reduce((tree, key) => memberOf(tree, key), entries.get(section)?.value)
  return found?.at
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}
