/** Plans a server from its options: file, environment, plugins, validated sections. Starts nothing. */
import { isBuiltin } from 'node:module'
import { relative } from 'node:path'
import { type CompiledConfig, compiledTree } from '../../config/compiled.js'
import { type EnvironmentVariables, readEnvironment } from '../../config/env.js'
import { findConfig, identityPath, isRoadRunnerFile, workingFolder } from '../../config/find.js'
import type { LoaderPlaces } from '../../config/handler.js'
import { handlerUseFaults, type OrdinaryHandler } from '../../config/handler-uses.js'
import { type Loaded, loadConfig } from '../../config/load.js'
import { validateConfig } from '../../config/validation/validate.js'
import { expandHandler, withHandler, zeroConfig } from '../../config/zero.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../src/core/errors.js'
import { builtFile, packageFile } from '../../src/core/package-files.js'
import type { Place, Problem } from '../../src/schema/tree.js'
import type { AnyPlugin, RunMode } from '../../src/supervisor/plugins/definition.js'
import {
  builtInFile,
  type LoadedPlugin,
  loadPlugin,
  type PluginSource,
} from '../../src/supervisor/plugins/load.js'
import { activePlugins, sectionsOf } from '../../src/supervisor/plugins/parts.js'
import { hostSections } from '../../src/supervisor/sections.js'
import type { ServerOptions } from '../../src/supervisor/server.js'
import type { CommonOptions } from '../options.js'
import { builtInsFor } from './built-ins.js'

/** Mode in which `rr` was asked to run; `check` is `rr validate`. */
export type StartMode = RunMode | 'check'

/** Options of a start, in addition to the common ones. */
export interface StartOptions extends CommonOptions {
  /** The handler that workers run, named on the command line. */
  readonly handler?: string | undefined
  /** `rr dev --leaks`: workers report what jobs leave behind. */
  readonly leaks?: boolean | undefined
  /** Made by `rr compile`. */
  readonly compiled?: CompiledConfig | undefined
  /** Workers that run already. */
  readonly early?: ServerOptions['early']
  /** Told at debug, once there is a log: which parts of the start are compiled. */
  readonly notes?: readonly string[]
}

/** Plan of a start, with the faults that were found. */
export interface StartPlan {
  readonly file: string | undefined
  /** Identity that names the private folder. */
  readonly identityPath: string
  readonly cwd: string
  readonly env: EnvironmentVariables
  readonly plugins: readonly LoadedPlugin[]
  /** Validated values of all sections, by name; some are missing where there are problems. */
  readonly values: ReadonlyMap<string, unknown>
  /** The plugins that are on, also those whose section has faults. */
  readonly active: readonly AnyPlugin[]
  /** Places in the file that list each plugin, by the plugin's name. */
  readonly listed: ReadonlyMap<string, Place>
  /** All files that were read. */
  readonly files: readonly string[]
  /** The same as in the options, and whether the files are compiled. */
  readonly notes: readonly string[]
  /** The top-level keys as they were written, with the places of their values. */
  readonly entries: Loaded['entries']
  readonly problems: readonly Problem[]
}

/** Reads and checks everything. Rejects with RR_CONFIG_NOT_FOUND, RR_PLUGIN_LOAD or RR_PLUGIN_API; the rest are problems. */
export async function planStart(mode: StartMode, options: StartOptions): Promise<StartPlan> {
  const startedIn = process.cwd()
  const env = readEnvironment(options.dotenv)
  const mayBeMissing = mode === 'bootstrap' || options.handler !== undefined
  const find = { config: options.config, cwd: startedIn, env, isBootstrap: mayBeMissing }
  const file = findConfig(find)
  const cwd = workingFolder({ ...find, file, workdir: options.workdir })
  const parsed = compiledFiles(options.compiled)
  const loaded = await load(file, cwd, env, { ...options, parsed: parsed.find })
  const problems: Problem[] = [...loaded.problems]
  const { external, listed } = await loadListed(mode, loaded, problems)
  const builtIns = await builtInsFor({ mode, keys: loaded.entries.keys(), listsOthers: external.length > 0 })
  const sources = [...builtIns.map(builtInSource), ...external]
  const all = sources.map(({ plugin }) => plugin)
  const active = activePlugins(all, runMode(mode), loaded.entries)
  if (loaded.ordinary !== undefined)
    problems.push(
      ...handlerUseFaults(loaded.ordinary, loaded.entries, new Set(active.map(({ name }) => name))),
    )
  // A file that could not be read would only make every section look absent.
  const checked = problems.some(isYaml)
    ? undefined
    : await check(loaded, all, active, { listed, known: parsed.known(loaded, options) })
  const values = checked?.values ?? new Map<string, unknown>()
  problems.push(...(checked?.problems ?? []))
  const plugins = sources.flatMap((source) =>
    checked !== undefined && active.includes(source.plugin)
      ? [{ ...source, config: values.get(source.plugin.name) ?? {} }]
      : [],
  )
  problems.sort(byPlace)
  const identity = identityPath({ ...find, file, workdir: options.workdir })
  return {
    file,
    identityPath: identity,
    cwd,
    env,
    plugins,
    values,
    active,
    listed,
    files: loaded.files,
    notes: [...(options.notes ?? []), ...parsed.notes(loaded)],
    entries: loaded.entries,
    problems,
  }
}

/**
 * Loads only the plugins that the file lists; what is wrong with them, or keeps the file from being read, is a problem. Rejects with
 * RR_CONFIG_NOT_FOUND.
 */
export async function loadListedPlugins(
  options: CommonOptions,
): Promise<{ readonly plugins: readonly AnyPlugin[]; readonly problems: readonly Problem[] }> {
  const env = readEnvironment(options.dotenv)
  const find = { config: options.config, cwd: process.cwd(), env, isBootstrap: false }
  const file = findConfig(find)
  const cwd = workingFolder({ ...find, file, workdir: options.workdir })
  const loaded = await load(file, cwd, env, options)
  const problems = loaded.problems.filter(isYaml)
  const { external } = await loadListed('check', loaded, problems)
  return { plugins: external.map(({ plugin }) => plugin), problems }
}

/** The file, or what stands for it; with `server.handler` replaced by what runs it. */
async function load(
  file: string | undefined,
  cwd: string,
  env: EnvironmentVariables,
  { handler, override, parsed }: StartOptions & { readonly parsed?: CompiledFiles['find'] },
): Promise<Loaded & { readonly ordinary: OrdinaryHandler | undefined }> {
  const about = { env, folder: cwd, places: loaderPlaces() }
  const zero = () =>
    zeroConfig(handler ?? env._HANDLER ?? '', handler === undefined ? '_HANDLER' : 'HANDLER', about)
  const loaded = await loadConfig({
    file,
    cwd: process.cwd(),
    env,
    overrides: override,
    compiled: parsed,
    ...(file === undefined ? { zero: zero() } : {}),
  })
  const isNamed = file !== undefined && handler !== undefined
  const entries = isNamed ? withHandler(loaded.entries, handler) : loaded.entries
  const expanded = expandHandler(entries, about)
  const { problems, ordinary } = expanded
  return { ...loaded, entries: expanded.entries, problems: [...loaded.problems, ...problems], ordinary }
}

/** Compiled files of one start. */
interface CompiledFiles {
  readonly find: (text: string) => ReturnType<typeof compiledTree>
  /** Names the sections that need not be validated, once all files have been asked for. */
  readonly known: (loaded: Loaded, options: StartOptions) => ReadonlySet<string>
  readonly notes: (loaded: Loaded) => readonly string[]
}

function compiledFiles(compiled: CompiledConfig | undefined): CompiledFiles {
  let isWhole = compiled !== undefined
  return {
    find: (text) => {
      const found = compiled && compiledTree(compiled, text)
      isWhole &&= found !== undefined
      return found
    },
    known: ({ plugins }, { override, handler }) => {
      // What is added on the command line was not there when the file was compiled, and a plugin may have changed since.
      const isSame = isWhole && override.length === 0 && handler === undefined && plugins.length === 0
      return new Set(isSame ? compiled?.valid : [])
    },
    notes: ({ file }) =>
      compiled === undefined || file === undefined
        ? []
        : [isWhole ? 'the configuration was compiled' : 'the configuration was read from its files'],
  }
}

/** A configuration file as people know it: below the working directory by its relative path. */
export function shownFile(file: string | undefined): string {
  if (file === undefined) return '(no file)'
  const below = relative(process.cwd(), file)
  return below.startsWith('..') ? file : below
}

/** Sorts problems by place within a file; the order of files stays. */
function byPlace({ at: a }: Problem, { at: b }: Problem): number {
  return a.file === b.file ? a.line - b.line || a.column - b.column : 0
}

function isYaml(problem: Problem): boolean {
  return problem.what.startsWith('not YAML')
}

/** `rr validate` checks what `rr serve` would start. */
function runMode(mode: StartMode): RunMode {
  return mode === 'check' ? 'serve' : mode
}

function builtInSource(plugin: AnyPlugin): PluginSource {
  return { plugin, file: builtInFile, version: undefined }
}

/** Validates the sections of active plugins; that of a plugin which is off in this mode is not looked at. */
function check(
  loaded: Loaded,
  all: readonly AnyPlugin[],
  active: readonly AnyPlugin[],
  about: { readonly listed: ReadonlyMap<string, Place>; readonly known: ReadonlySet<string> },
): ReturnType<typeof validateConfig> {
  const { listed, known } = about
  const entries = new Map(loaded.entries)
  for (const plugin of all) if (!active.includes(plugin)) entries.delete(plugin.name)
  const owners = sectionsOf(all).map((section) => ({ ...section, at: listed.get(section.name) }))
  const always = [...hostSections, ...active].map(({ name }) => name)
  return validateConfig(
    entries,
    [...hostSections, ...owners],
    new Set(always),
    known,
    isRoadRunnerFile(loaded.file),
  )
}

async function loadListed(
  mode: StartMode,
  loaded: Loaded,
  problems: Problem[],
): Promise<{ readonly external: readonly PluginSource[]; readonly listed: ReadonlyMap<string, Place> }> {
  const external: PluginSource[] = []
  const listed = new Map<string, Place>()
  for (const { specifier, folder, at } of loaded.plugins) {
    try {
      if (isBuiltin(specifier))
        throw new RelayError(ErrorCode.PluginNotFound, `"${specifier}" is a module of Node`)
      const source = await loadPlugin(specifier, folder)
      external.push(source)
      listed.set(source.plugin.name, at)
    } catch (error) {
      if (!isFileFault(mode, error)) throw error
      const hint = error instanceof RelayError ? error.hint : undefined
      const what = messageOf(error)
      problems.push({ severity: 'error', at, what, ...(hint === undefined ? {} : { hint }) })
    }
  }
  return { external, listed }
}

/** A plugin that is not there is a fault of the file. One that fails to load is the plugin's own, but `rr validate` tells all faults. */
function isFileFault(mode: StartMode, error: unknown): boolean {
  if (hasCode(error, ErrorCode.PluginNotFound)) return true
  const isLoad = hasCode(error, ErrorCode.PluginLoad) || hasCode(error, ErrorCode.PluginApi)
  return mode === 'check' && isLoad
}

/** Returns the places of this package's loaders for ordinary handlers. */
export function loaderPlaces(): LoaderPlaces {
  return {
    nodeLoader: builtFile('workers/node/loader.js'),
    pythonFolder: packageFile('workers/python/src'),
  }
}
