/**
 * Loads a handler's function by its name, as AWS's own client does: `src/index.handler`, `/opt/nodejs/wrapper.handler`,
 * `node_modules/some-layer/dist/handler.handler`. CommonJS is loaded by `require`, so that tools which patch `require` see it.
 */
import { existsSync, readFileSync } from 'node:fs'
import nodeModule, { createRequire } from 'node:module'
import { delimiter, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { RuntimeFault } from './errors.js'

/** A function that takes an event. */
export type LambdaHandler = (...args: readonly unknown[]) => unknown

const requireHere = createRequire(import.meta.url)

/** Loads a handler. Rejects with AWS's errors for a name without a function, or with what the module throws. */
export async function loadHandler(name: string, folder: string): Promise<LambdaHandler> {
  if (name.includes('..')) {
    const text = `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`
    throw new RuntimeFault('MalformedHandlerName', text)
  }
  const slash = name.lastIndexOf('/')
  const [, module, exported] = /^([^.]*)\.(.*)$/s.exec(name.slice(slash + 1)) ?? []
  if (module === undefined || exported === undefined) {
    const text = `Bad handler '${name}': it must be FILE.FUNCTION, such as index.handler`
    throw new RuntimeFault('MalformedHandlerName', text)
  }
  useLayers(folder)
  const loaded = await loadModule(folder, name.slice(0, slash + 1), module)
  return findFunction(loaded, { name, exported })
}

/** Lets packages of layers be found as in AWS's images, which set NODE_PATH. */
function useLayers(folder: string): void {
  const major = process.versions.node.split('.')[0]
  const known = (process.env.NODE_PATH ?? '').split(delimiter).filter((path) => path !== '')
  const layers = [`/opt/nodejs/node${major}/node_modules`, '/opt/nodejs/node_modules'].filter(existsSync)
  const missing = [...layers, folder].filter((path) => !known.includes(path))
  process.env.NODE_PATH = [...known, ...missing].join(delimiter)
  // Node reads the variable once; this is how the tools that add paths later have it read again.
  const initPaths: unknown = Reflect.get(nodeModule, '_initPaths')
  if (typeof initPaths === 'function') Reflect.apply(initPaths, nodeModule, [])
}

async function loadModule(folder: string, root: string, module: string): Promise<unknown> {
  const path = resolve(folder, root, module)
  try {
    for (const load of candidates(path)) {
      const loaded = await load()
      if (loaded) return loaded
    }
    return requireHere(requireHere.resolve(module, { paths: [folder, resolve(folder, root)] }))
  } catch (error) {
    throw wrapped(error)
  }
}

/** Yields the ways to load a path in AWS's order: as it is, `.js`, `.mjs`, `.cjs`. */
function* candidates(path: string): Generator<() => unknown> {
  const isModule = existsSync(`${path}.js`) && isInModulePackage(`${path}.js`)
  if (
    existsSync(path) &&
    !(isModule && requireTakes(path) === `${path}.js`) &&
    requireTakes(path) !== undefined
  )
    yield () => requireHere(path)
  if (existsSync(`${path}.js`)) yield () => (isModule ? importFile(`${path}.js`) : requireHere(`${path}.js`))
  if (existsSync(`${path}.mjs`)) yield () => importFile(`${path}.mjs`)
  if (existsSync(`${path}.cjs`)) yield () => requireHere(`${path}.cjs`)
}

function importFile(path: string): Promise<unknown> {
  return import(pathToFileURL(path).href)
}

/** Handles a folder of the handler's name, which may be the module or only stand beside it. */
function requireTakes(path: string): string | undefined {
  try {
    return requireHere.resolve(path)
  } catch {
    return undefined
  }
}

/** Tells whether the nearest package.json says `"type": "module"`; files above a `node_modules` do not count. */
function isInModulePackage(file: string): boolean {
  for (let folder = dirname(file); !folder.endsWith('/node_modules'); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest)) return saysModule(manifest)
    if (folder === dirname(folder)) return false
  }
  return false
}

function saysModule(manifest: string): boolean {
  try {
    const read: unknown = JSON.parse(readFileSync(manifest, 'utf8'))
    return typeof read === 'object' && read !== null && 'type' in read && read.type === 'module'
  } catch {
    // Node reports it when it loads the handler.
    return false
  }
}

/** Wraps an error as AWS's client does; other errors that a module throws are returned unchanged. */
function wrapped(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error
  if (error instanceof SyntaxError)
    return new RuntimeFault('UserCodeSyntaxError', String(error), { cause: error })
  const code: unknown = Reflect.get(error, 'code')
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND')
    return new RuntimeFault('ImportModuleError', String(error), { cause: error })
  return error
}

function findFunction(
  loaded: unknown,
  { name, exported }: { readonly name: string; readonly exported: string },
): LambdaHandler {
  const keys = exported.split('.')
  const found = [loaded, member(loaded, 'default')].map((root) => keys.reduce(member, root))
  const handler = found.find(isFunction)
  if (handler !== undefined) return handler
  const what = found.some((one) => Boolean(one)) ? 'is not a function' : 'is undefined or not exported'
  throw new RuntimeFault('HandlerNotFound', `${name} ${what}${exportsOf(loaded)}`)
}

const namesMax = 20

function exportsOf(loaded: unknown): string {
  const isOpen = (typeof loaded === 'object' && loaded !== null) || typeof loaded === 'function'
  const names = isOpen ? Object.keys(loaded).slice(0, namesMax) : []
  return names.length === 0 ? '; the module exports nothing' : `; the module exports ${names.join(', ')}`
}

function member(value: unknown, key: string): unknown {
  const isOpen = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isOpen ? Reflect.get(value, key) : undefined
}

function isFunction(value: unknown): value is LambdaHandler {
  return typeof value === 'function'
}
