/** Finds a plugin's file and imports it: from an npm name or a path, counted from the folder of the file that names it. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Clock, systemClock } from '../../core/clock.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../core/errors.js'
import { isObject } from '../../core/json.js'
import { pluginFault } from './check.js'
import { type AnyPlugin, apiVersion } from './definition.js'

/** A plugin with where it came from. */
export interface PluginSource {
  readonly plugin: AnyPlugin
  readonly file: string
  readonly version: string | undefined
}

/** A plugin with its validated section. */
export interface LoadedPlugin extends PluginSource {
  readonly config: unknown
}

/** The `file` of built-in plugins, which their faults need not name. */
export const builtInFile = '(built-in)'

const loadMsMax = 30_000

/**
 * Loads one plugin. Rejects with RR_PLUGIN_NOT_FOUND (cannot be resolved), RR_PLUGIN_LOAD (throws, or takes over 30 s) or
 * RR_PLUGIN_API (not what `definePlugin` returns, or for another version of the border).
 */
export async function loadPlugin(
  specifier: string,
  folder: string,
  clock: Clock = systemClock,
): Promise<PluginSource> {
  const file = resolveFile(specifier, folder)
  const version = packageVersion(file)
  const about = `plugin ${specifier} (${file}${version === undefined ? '' : `, version ${version}`})`
  const loaded = await importFile(file, about, clock)
  const plugin = unwrap(loaded)
  if (plugin === undefined) {
    throw new RelayError(ErrorCode.PluginApi, `${about} does not export a plugin by default`, {
      hint: 'Write `export default definePlugin({ name, setup })`.',
    })
  }
  if (plugin.apiVersion !== apiVersion) {
    const text = `${about} was written for plugin API ${plugin.apiVersion}; this server has ${apiVersion}`
    throw new RelayError(ErrorCode.PluginApi, text, { hint: 'Install a version of it for this server.' })
  }
  const fault = pluginFault(plugin)
  if (fault !== undefined)
    throw new RelayError(ErrorCode.PluginApi, `${about}: ${fault.what}`, { hint: fault.hint })
  return { plugin, file, version: plugin.version ?? version }
}

function resolveFile(specifier: string, folder: string): string {
  try {
    return createRequire(join(folder, 'rr.yaml')).resolve(specifier)
  } catch (error) {
    throw new RelayError(ErrorCode.PluginNotFound, `plugin "${specifier}" cannot be found from ${folder}`, {
      hint: specifier.startsWith('.')
        ? 'Paths are relative to the file that names them.'
        : `Run npm install ${specifier} there.`,
      cause: error,
    })
  }
}

async function importFile(file: string, about: string, clock: Clock): Promise<unknown> {
  const strips = 'typescript' in process.features && process.features.typescript !== false
  if (/\.[mc]?ts$/.test(extname(file)) && !strips) {
    throw new RelayError(ErrorCode.PluginLoad, `${about} is TypeScript, which this Node does not run`, {
      hint: 'Compile it, or use Node 22.18 or newer.',
    })
  }
  let late: (() => void) | undefined
  const timer = clock.timer(loadMsMax, () => late?.())
  try {
    return await new Promise<unknown>((resolve, reject) => {
      late = () => reject(new Error(`it did not load within ${loadMsMax} ms`))
      import(pathToFileURL(file).href).then(resolve, reject)
    })
  } catch (error) {
    if (hasCode(error, ErrorCode.PluginApi))
      throw new RelayError(ErrorCode.PluginApi, `${about}: ${messageOf(error)}`, {
        cause: error,
        hint: hintOf(error),
      })
    throw new RelayError(ErrorCode.PluginLoad, `${about} failed to load: ${messageOf(error)}`, {
      hint: 'The fault is in the plugin: import its file with node to see it.',
      cause: error,
    })
  } finally {
    timer.clear()
  }
}

/** Reads the hint of an error that may come from another copy of this package. */
function hintOf(error: unknown): string {
  return isObject(error) && typeof error.hint === 'string' ? error.hint : 'The fault is in the plugin.'
}

/** The default export; one level deeper for CommonJS that was transpiled from ESM. */
function unwrap(loaded: unknown): AnyPlugin | undefined {
  for (let value = loaded, depth = 0; depth < 3 && isObject(value); depth += 1) {
    if (isPlugin(value)) return value
    value = value.default
  }
  return undefined
}

function isPlugin(value: unknown): value is AnyPlugin {
  return (
    isObject(value) &&
    typeof value.apiVersion === 'number' &&
    typeof value.name === 'string' &&
    typeof value.setup === 'function' &&
    isObject(value.needs) &&
    isObject(value.config)
  )
}

function packageVersion(file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest)) {
      try {
        const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'))
        if (isObject(parsed) && typeof parsed.version === 'string') return parsed.version
      } catch {
        // A broken package.json has no version; importing the file reports what is wrong.
        return undefined
      }
    }
    if (folder === dirname(folder)) return undefined
  }
}
