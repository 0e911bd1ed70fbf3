/** Reads a configuration that is a module in JavaScript or TypeScript: its default export becomes the tree that YAML would be. */
import { pathToFileURL } from 'node:url'
import { ErrorCode, messageOf, RelayError } from '../src/core/errors.js'
import type { Entry, Place, Problem, Tree } from '../src/schema/tree.js'

/** True for a file that is imported instead of read as YAML. */
export function isModuleFile(file: string): boolean {
  return /\.[mc]?[jt]s$/.test(file)
}

/**
 * Imports the file; a default export that is a function is called. All values have the place of the file's first line. Rejects with
 * RR_CONFIG_NOT_FOUND for one that cannot be imported.
 */
export async function readModule(
  file: string,
  name: string,
): Promise<{ readonly tree: Tree; readonly problems: readonly Problem[] }> {
  const at: Place = { file: name, line: 1, column: 1 }
  const problems: Problem[] = []
  const value = await defaultOf(file)
  if (value === undefined)
    problems.push({
      severity: 'error',
      at,
      what: 'the file has no default export',
      expected: 'export default defineConfig({ version: "3", … })',
    })
  return { tree: treeOf(value ?? null, { at, path: '', problems }), problems }
}

async function defaultOf(file: string): Promise<unknown> {
  try {
    const { default: value }: { readonly default?: unknown } = await import(pathToFileURL(file).href)
    return typeof value === 'function' ? await value() : await value
  } catch (cause) {
    const isForeign = cause instanceof Error && 'code' in cause && cause.code === 'ERR_UNKNOWN_FILE_EXTENSION'
    const what = `the configuration file ${file} cannot be loaded: ${isForeign ? 'it is TypeScript, which this Node does not run' : messageOf(cause)}`
    const hint = isForeign
      ? 'Use Node 22.18 or newer, or write it in JavaScript with `// @ts-check` on its first line.'
      : `Run \`node ${file}\` to see where it fails.`
    throw new RelayError(ErrorCode.ConfigNotFound, what, { hint, cause })
  }
}

interface About {
  readonly at: Place
  readonly path: string
  readonly problems: Problem[]
}

function treeOf(value: unknown, about: About): Tree {
  const { at, path, problems } = about
  if (value === null || typeof value === 'number' || typeof value === 'boolean')
    return { kind: 'scalar', value, isQuoted: false, at }
  if (typeof value === 'string') return { kind: 'scalar', value, isQuoted: true, at }
  if (Array.isArray(value))
    return { kind: 'list', items: value.map((item) => treeOf(item, below(about, ''))), at }
  if (typeof value === 'object' && isPlain(value)) {
    const entries = Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .map(([key, one]): [string, Entry] => [key, { at, value: treeOf(one, below(about, key)) }])
    return { kind: 'map', entries: new Map(entries), at }
  }
  problems.push({
    severity: 'error',
    at,
    what: `"${path}" is a ${typeof value === 'object' ? 'class instance' : typeof value}`,
    expected: 'a text, a number, true, false, a list or an object',
  })
  return { kind: 'scalar', value: null, isQuoted: false, at }
}

function below(about: About, key: string): About {
  return { ...about, path: [about.path, key].filter((part) => part !== '').join('.') }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  // The object of another realm has another prototype, which itself has none.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
