/**
 * State of the process that one job can leave for the next, and levels of what may grow. Values of the environment are compared and never
 * told, as they may be secrets.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

/** A snapshot. */
export interface LeakState {
  readonly values: ReadonlyMap<string, unknown>
  /** Members of something, which are told by their names. */
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, unknown>>
}

// What the worker itself sets for each job.
const ours = new Set(['_X_AMZN_TRACE_ID'])

/** Takes a snapshot. */
export function leakState(): LeakState {
  const environment = Object.entries(process.env).filter(([name]) => !ours.has(name))
  const globals = Object.getOwnPropertyNames(globalThis).map((name) => [name, true] as const)
  const prototype = Reflect.ownKeys(Object.prototype).map((name) => [String(name), true] as const)
  const { locale, timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  return {
    values: new Map<string, unknown>([
      ['working directory', workingDirectory()],
      ['locale', locale],
      ['time zone', timeZone],
      ['umask', umask()],
      ['exit code', process.exitCode],
      ['Error.prepareStackTrace', Reflect.get(Error, 'prepareStackTrace')],
      ['Error.stackTraceLimit', Error.stackTraceLimit],
      ...handlerCounts(),
      ...Object.entries(console).map(([name, value]) => [`console.${name}`, value] as const),
    ]),
    maps: new Map([
      ['environment', new Map<string, unknown>(environment)],
      ['global variables', new Map<string, unknown>(globals)],
      ['Object.prototype', new Map<string, unknown>(prototype)],
    ]),
  }
}

/** Listeners of the process by event: each job that adds one leaves it for the next. */
function handlerCounts(): readonly (readonly [string, number])[] {
  // The one of `exit` is ours, too, as are those of streams that a first print makes.
  return process.eventNames().map((name) => [`handlers of ${String(name)}`, process.listenerCount(name)])
}

/** Returns what differs between two snapshots, each as `what: from → to`. */
export function changesSince(now: LeakState, earlier: LeakState): readonly string[] {
  const changes: string[] = []
  for (const what of new Set([...now.values.keys(), ...earlier.values.keys()])) {
    const [was, is] = [earlier.values.get(what), now.values.get(what)]
    if (!Object.is(was, is)) changes.push(`${what}: ${textOf(was)} → ${textOf(is)}`)
  }
  for (const [what, map] of now.maps) {
    const names = namesOf(earlier.maps.get(what) ?? map, map)
    if (names !== '') changes.push(`${what}: ${names}`)
  }
  return changes
}

/** Names the members that were added (+), removed (-) and changed (~). */
function namesOf(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): string {
  const added = [...after.keys()].filter((name) => !before.has(name)).map((name) => `+${name}`)
  const removed = [...before.keys()].filter((name) => !after.has(name)).map((name) => `-${name}`)
  const changed = [...after].filter(([name, value]) => before.has(name) && before.get(name) !== value)
  return [...added, ...removed, ...changed.map(([name]) => `~${name}`)].join(' ')
}

/** Measures, after a collection of garbage, what may grow; `frameBytes` of the memory are the job's own. */
export function leakLevels(frameBytes: number): ReadonlyMap<string, number> {
  collectGarbage()
  const { used_heap_size, external_memory } = getHeapStatistics()
  const levels = new Map([['memory', used_heap_size + external_memory - frameBytes]])
  for (const name of process.getActiveResourcesInfo()) {
    const what = name === 'Timeout' ? 'timers' : `open ${name}`
    levels.set(what, (levels.get(what) ?? 0) + 1)
  }
  levels.set('modules', Object.keys(require.cache).length)
  // A thread shares them with the server.
  if (isMainThread) levels.set('descriptors', descriptorCount())
  return levels
}

const require = createRequire(import.meta.url)
let collect: (() => void) | undefined

function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    const gc: unknown = runInNewContext('gc')
    collect = typeof gc === 'function' ? () => void gc() : () => undefined
  }
  // The second one frees what finalizers of the first one let go of.
  collect()
  collect()
}

function descriptorCount(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    // The system does not list them.
    return 0
  }
}

function workingDirectory(): string {
  try {
    return process.cwd()
  } catch {
    return '(removed)'
  }
}

/** Reads it from the system: `process.umask()` could only tell it by changing it, for all threads. */
function umask(): string {
  try {
    return /^Umask:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? ''
  } catch {
    return ''
  }
}

function textOf(value: unknown): string {
  if (value === undefined || value === '') return 'none'
  if (typeof value === 'function') return value.name === '' ? 'a function' : `a function ${value.name}`
  return typeof value === 'object' ? 'an object' : String(value)
}
