/**
 * Handles uncaught errors and rejections, which would otherwise end the process with a raw stack and lose the running jobs. Each
 * is one line of the log, with the plugin it came from where its stack shows one; the first stops the server in order. Only a
 * program that owns its process may use this, never the library.
 */
import { inspect } from 'node:util'
import { deferred } from '../../src/core/deferred.js'
import type { LogFields, Logger } from '../../src/logging/logger.js'

/** Plugin that may have caused an error. */
export interface PluginPlace {
  readonly name: string
  /** File it was loaded from; a built-in plugin has no path. */
  readonly file: string
}

/** Options of `watchUncaught`. */
export interface UncaughtOptions {
  readonly log: Logger
  /** Called when an error occurs: the plugins are not known at the start. */
  readonly plugins: () => readonly PluginPlace[]
}

// A promise that is not awaited in a loop causes thousands: the first ones suffice.
const linesMax = 20
const causesMax = 3

/** Watches the process from its construction on. */
export class Uncaught {
  readonly #first = deferred<Error>()
  /** Resolves with the first error; never rejects. */
  readonly first = this.#first.promise
  readonly #options: UncaughtOptions
  #count = 0

  constructor(options: UncaughtOptions) {
    this.#options = options
    process.on('uncaughtException', (error) => this.#take(error, 'an uncaught error'))
    process.on('unhandledRejection', (reason) => this.#take(reason, 'an unhandled rejection'))
  }

  /** Logs how many errors were not logged one by one, if any. */
  tellRest(): void {
    const untold = this.#count - linesMax
    if (untold > 0) this.#options.log.error({ untold }, 'further uncaught errors are not shown')
  }

  #take(thrown: unknown, what: string): void {
    this.#count += 1
    if (this.#count > linesMax) return
    const fields = fieldsOf(thrown, this.#options.plugins())
    this.#options.log.error(fields, this.#count === 1 ? `${what}: the server stops` : what)
    this.#first.resolve(new Error(`${what}: ${String(fields.errorMessage)}`))
  }
}

/** Finds the plugin whose file, else whose folder, is nearest to the top of a stack; undefined when none is in it. Pure. */
export function pluginOf(stack: string, plugins: readonly PluginPlace[]): PluginPlace | undefined {
  const places = plugins.filter(({ file }) => file.startsWith('/'))
  for (const line of stack.split('\n')) {
    const path = pathIn(line)
    if (path === undefined) continue
    const own = places.find(({ file }) => file === path)
    if (own !== undefined) return own
    const near = places.filter(({ file }) => path.startsWith(folderOf(file)) && !isPackage(path, file))
    // Plugins that share a folder share their helpers: the stack does not tell which of them it was.
    if (near.length === 1) return near[0]
  }
  return undefined
}

/** Returns the log fields of any thrown value, even of one whose getters throw. */
function fieldsOf(thrown: unknown, plugins: readonly PluginPlace[]): LogFields {
  const fault = described(thrown)
  const plugin = pluginOf(fault.stackTrace?.join('\n') ?? '', plugins)
  return { plugin: plugin?.name, file: plugin?.file, ...fault }
}

interface DescribedError {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace?: readonly string[] | undefined
  readonly cause?: DescribedError | undefined
}

function described(thrown: unknown, depth = 0): DescribedError {
  try {
    if (!(thrown instanceof Error)) return { errorType: typeof thrown, errorMessage: textOf(thrown) }
    const { name, message, stack, cause } = thrown
    const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
    return {
      errorType: code ?? String(name),
      errorMessage: String(message),
      stackTrace: typeof stack === 'string' ? stack.split('\n').map((line) => line.trim()) : undefined,
      cause: cause === undefined || depth === causesMax ? undefined : described(cause, depth + 1),
    }
  } catch {
    return { errorType: typeof thrown, errorMessage: '(it throws when it is read, so it cannot be shown)' }
  }
}

/** Formats plain objects, whose default text is useless. */
function textOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null ? inspect(thrown, { depth: 1 }) : String(thrown)
}

/** Returns the path in `at run (file:///app/plugin.mjs:3:9)` or `at /app/plugin.js:3:9`. */
function pathIn(line: string): string | undefined {
  const found = /(?:\(|\s|^)(?:file:\/\/)?(\/[^()]*?):\d+(?::\d+)?\)?$/.exec(line)?.[1]
  if (found === undefined) return undefined
  try {
    return line.includes('file://') ? decodeURIComponent(found) : found
  } catch {
    // A file's name may hold a bare %.
    return found
  }
}

/** True for a file of a package that the plugin has installed. The plugin may be in `node_modules` itself. */
function isPackage(path: string, pluginFile: string): boolean {
  return path.slice(folderOf(pluginFile).length).includes('node_modules/')
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/') + 1)
}
