/**
 * What nobody caught: errors and rejections that would end the process with a raw stack and lose the jobs in hand. Each is
 * told in a line of the log, with the plugin it came from where its stack shows one; the first ends the server in order.
 * Only a program that owns its process may do this, never the library.
 */
import { inspect } from 'node:util'
import type { LogFields, Logger } from '../src/core/log.js'

/** A plugin that may be to blame. */
export interface PluginPlace {
  readonly name: string
  /** Where it was loaded from; a built-in one has no path. */
  readonly file: string
}

/** What the watch is made of. */
export interface UncaughtOptions {
  readonly log: Logger
  /** Asked when something comes: they are not known at the start. */
  readonly plugins: () => readonly PluginPlace[]
}

// A promise that is forgotten in a loop brings thousands: the first ones tell the story.
const linesMax = 20
const causesMax = 3

/** Watches over the process from its making on. */
export class Uncaught {
  /** Resolves with the first one; never rejects. */
  readonly first: Promise<Error>
  readonly #options: UncaughtOptions
  #count = 0
  #told!: (fault: Error) => void

  constructor(options: UncaughtOptions) {
    this.#options = options
    this.first = new Promise((resolve) => {
      this.#told = resolve
    })
    process.on('uncaughtException', (error) => this.#take(error, 'an uncaught error'))
    process.on('unhandledRejection', (reason) => this.#take(reason, 'a rejection that nobody handled'))
  }

  /** Says how many were not told one by one; nothing when there are none. */
  tellRest(): void {
    const untold = this.#count - linesMax
    if (untold > 0) this.#options.log.error({ untold }, 'more uncaught errors came, which are not shown')
  }

  #take(thrown: unknown, what: string): void {
    this.#count += 1
    if (this.#count > linesMax) return
    const fields = fieldsOf(thrown, this.#options.plugins())
    this.#options.log.error(fields, this.#count === 1 ? `${what}: the server stops` : what)
    this.#told(new Error(`${what}: ${String(fields.errorMessage)}`))
  }
}

/** The plugin whose file, else whose folder, a stack shows nearest to its top; undefined when none of them does. Pure. */
export function pluginOf(stack: string, plugins: readonly PluginPlace[]): PluginPlace | undefined {
  const places = plugins.filter(({ file }) => file.startsWith('/'))
  for (const line of stack.split('\n')) {
    const path = pathIn(line)
    if (path === undefined) continue
    const own = places.find(({ file }) => file === path)
    if (own !== undefined) return own
    const near = places.filter(({ file }) => path.startsWith(folderOf(file)) && !isPackage(path, file))
    // Plugins that share a folder share their helpers: nobody can tell which of them it was.
    if (near.length === 1) return near[0]
  }
  return undefined
}

/** What is told of anything that was thrown, however hostile: its getters may throw as well. */
export function fieldsOf(thrown: unknown, plugins: readonly PluginPlace[]): LogFields {
  const fault = described(thrown)
  const plugin = pluginOf(fault.stackTrace?.join('\n') ?? '', plugins)
  return { ...(plugin === undefined ? {} : { plugin: plugin.name, file: plugin.file }), ...fault }
}

interface Described {
  readonly errorType: string
  readonly errorMessage: string
  readonly stackTrace?: readonly string[]
  readonly cause?: Described
}

function described(thrown: unknown, depth = 0): Described {
  try {
    if (!(thrown instanceof Error)) return { errorType: typeof thrown, errorMessage: textOf(thrown) }
    const { name, message, stack, cause } = thrown
    const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
    return {
      errorType: code ?? String(name),
      errorMessage: String(message),
      ...(typeof stack === 'string' ? { stackTrace: stack.split('\n').map((line) => line.trim()) } : {}),
      ...(cause === undefined || depth === causesMax ? {} : { cause: described(cause, depth + 1) }),
    }
  } catch {
    return { errorType: typeof thrown, errorMessage: '(it throws when it is read, so it cannot be shown)' }
  }
}

/** A plain object says nothing as text. */
function textOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null ? inspect(thrown, { depth: 1 }) : String(thrown)
}

/** `at run (file:///app/plugin.mjs:3:9)` and `at /app/plugin.js:3:9` → the path. */
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

/** A package of a plugin's folder is somebody else's, unless the plugin is in it itself. */
function isPackage(path: string, pluginFile: string): boolean {
  return path.slice(folderOf(pluginFile).length).includes('node_modules/')
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/') + 1)
}
