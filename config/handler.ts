/** A handler's name, as Lambda's `_HANDLER` and `server.handler` have it → the program that runs it. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { delimiter, dirname, extname, join, resolve } from 'node:path'
import type { EnvironmentVariables } from './env.js'

/** Places of this package's loaders for ordinary handlers. */
export interface LoaderPlaces {
  /** Node's loader of ordinary Lambda handlers. */
  readonly nodeLoader: string
  /** The folder that holds the Python package. */
  readonly pythonFolder: string
}

/** Options for finding the program of a handler's name. */
export interface HandlerSearch {
  readonly env: EnvironmentVariables
  /** Folder to which relative names refer. */
  readonly folder: string
  readonly places: LoaderPlaces
}

/** Command and mode that run a handler. */
export interface HandlerCommand {
  readonly command: readonly string[]
  readonly variables: Readonly<Record<string, string>>
  /** Workers get records (`raw`), ordinary handlers events as Lambda sends them. */
  readonly mode: 'raw' | 'event'
}

/** Allowed forms of a handler's name, for messages. */
export const handlerForms = 'worker.php, or index.handler with an index.js, .mjs, .cjs or .py'

const programs: Readonly<Record<string, string>> = {
  '.php': 'php',
  '.py': 'python3',
  '.js': process.execPath,
  '.mjs': process.execPath,
  '.cjs': process.execPath,
}
const nodeExtensions = ['.js', '.mjs', '.cjs', '/index.js', '/package.json']

/**
 * Finds the program: `worker.php` is a worker of that name; `index.handler` is an ordinary handler in Node (`index.js`,
 * `.mjs`, `.cjs`) or Python (`index.py`). Undefined when there is no such file.
 */
export function handlerCommand(handler: string, options: HandlerSearch): HandlerCommand | undefined {
  const { env, folder, places } = options
  const script = resolve(folder, handler)
  const program = programs[extname(handler)]
  if (program !== undefined && existsSync(script)) {
    const variables = program === 'python3' ? pythonVariables(options) : {}
    return { command: [program, script], variables, mode: 'raw' }
  }
  if (isNodeModule(handler, options))
    return { command: [process.execPath, places.nodeLoader, handler], variables: {}, mode: 'event' }
  const pythonFolders = [folder, ...foldersOf(env.PYTHONPATH), ...pythonLayers()]
  if (!isThere(pythonModule(handler), ['.py', '/__init__.py'], pythonFolders)) return undefined
  const command = ['python3', '-m', 'relayrunner', handler]
  return { command, variables: pythonVariables(options), mode: 'event' }
}

/** Tells whether the loader would find a module: a file, also one without an extension, then a package from `node_modules` by its name. */
function isNodeModule(handler: string, { env, folder }: HandlerSearch): boolean {
  const module = nodeModule(handler)
  const folders = [folder, ...foldersOf(env.NODE_PATH)]
  if (isThere(module, nodeExtensions, folders)) return true
  // Without a function's name it is a program, such as `bootstrap`.
  if (module === '' || module === handler) return false
  if (isFile(resolve(folder, module))) return true
  const layers = ['/opt/nodejs/node_modules', `/opt/nodejs/node${nodeMajor}/node_modules`]
  const packages = [...foldersAbove(folder).map((above) => join(above, 'node_modules')), ...layers]
  return isThere(module, nodeExtensions, packages)
}

const nodeMajor = process.versions.node.split('.')[0]

function foldersAbove(folder: string): readonly string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [folder, ...foldersAbove(above)]
}

/** False for a folder: one with the handler's name may lie beside its Python file. */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** Our package in front of what the environment names: a handler's own imports stay as they are. */
function pythonVariables({ env, places }: HandlerSearch): Readonly<Record<string, string>> {
  return { PYTHONPATH: [places.pythonFolder, ...foldersOf(env.PYTHONPATH)].join(delimiter) }
}

function isThere(
  module: string | undefined,
  endings: readonly string[],
  folders: readonly string[],
): boolean {
  if (module === undefined || module === '') return false
  return folders.some((folder) => endings.some((ending) => existsSync(`${resolve(folder, module)}${ending}`)))
}

function foldersOf(path: string | undefined): readonly string[] {
  return (path ?? '').split(delimiter).filter((folder) => folder !== '')
}

const layersFolder = '/opt/python'

/** Folders of the Python packages of layers, which hold the handlers of monitoring services. */
function pythonLayers(): readonly string[] {
  if (!existsSync(layersFolder)) return []
  const libraries = join(layersFolder, 'lib')
  const versions = existsSync(libraries) ? readdirSync(libraries) : []
  return [layersFolder, ...versions.map((version) => join(libraries, version, 'site-packages'))]
}

/** `src/index.handler.sub` → `src/index`: the module ends at the first dot of the last path segment. */
function nodeModule(handler: string): string {
  const slash = handler.lastIndexOf('/')
  const dot = handler.indexOf('.', slash + 1)
  return dot < 0 ? handler : handler.slice(0, dot)
}

/** `src/app.handler` and `src.app.handler` → `src/app`: the function's name stands behind the last dot. */
function pythonModule(handler: string): string | undefined {
  const dot = handler.lastIndexOf('.')
  if (dot <= handler.lastIndexOf('/')) return undefined
  const [first = '', ...rest] = handler.slice(0, dot).split('/').reverse()
  return join(...rest.reverse(), first.replaceAll('.', '/')) || undefined
}
