/** The configuration of `rr bootstrap` without a file: what `_HANDLER` and the files beside it say. */
import { existsSync } from 'node:fs'
import { extname, join } from 'node:path'
import { ErrorCode, RelayError } from '../src/core/errors.js'
import type { Environment } from './env.js'
import type { Entry, Place, Tree } from './tree.js'

/** Where the parts of this package are that run other people's handlers. */
export interface LoaderPlaces {
  /** Node's loader of ordinary Lambda handlers. */
  readonly nodeLoader: string
  /** The folder that holds the Python package. */
  readonly pythonFolder: string
}

const scriptExtensions = new Set(['.php', '.py', '.js', '.mjs', '.cjs'])

/**
 * `worker.php` is a worker of that name; `index.handler` is an ordinary handler in Node (`index.js`, `.mjs`, `.cjs`) or
 * Python (`index.py`). Throws RR_CONFIG_NOT_FOUND when `_HANDLER` leads nowhere.
 */
export function zeroConfig(env: Environment, folder: string, places: LoaderPlaces): Tree {
  const handler = env._HANDLER ?? ''
  const { command, variables, mode } = commandOf(handler, folder, places)
  const at: Place = { file: `(zero configuration of _HANDLER=${handler})`, line: 1, column: 1 }
  const scalar = (value: string): Tree => ({ kind: 'scalar', value, isQuoted: true, at })
  const map = (values: Readonly<Record<string, Tree>>): Tree => ({
    kind: 'map',
    entries: new Map(Object.entries(values).map(([key, value]): [string, Entry] => [key, { at, value }])),
    at,
  })
  const words: Tree = { kind: 'list', items: command.map(scalar), at }
  return map({
    version: scalar('3'),
    server: map({
      command: words,
      env: map(Object.fromEntries(Object.entries(variables).map(([key, value]) => [key, scalar(value)]))),
    }),
    lambda: map({ mode: scalar(mode), pool: map({ num_workers: scalar('auto') }) }),
  })
}

interface ZeroCommand {
  readonly command: readonly string[]
  readonly variables: Readonly<Record<string, string>>
  readonly mode: 'raw' | 'event'
}

function commandOf(handler: string, folder: string, places: LoaderPlaces): ZeroCommand {
  const extension = extname(handler)
  if (scriptExtensions.has(extension) && existsSync(join(folder, handler))) {
    const program = extension === '.php' ? 'php' : extension === '.py' ? 'python3' : process.execPath
    return { command: [program, join(folder, handler)], variables: {}, mode: 'raw' }
  }
  const base = join(folder, moduleOf(handler))
  if (['.js', '.mjs', '.cjs'].some((end) => existsSync(`${base}${end}`))) {
    return { command: [process.execPath, places.nodeLoader, handler], variables: {}, mode: 'event' }
  }
  if (existsSync(`${base}.py`)) {
    const command = ['python3', '-m', 'relayrunner', handler]
    return { command, variables: { PYTHONPATH: places.pythonFolder }, mode: 'event' }
  }
  const text = `there is no configuration file, and _HANDLER="${handler}" names no file in ${folder}`
  throw new RelayError(ErrorCode.ConfigNotFound, text, {
    hint: 'Ship an rr.yaml, or set the handler to worker.php, or to index.handler with an index.js, .mjs, .cjs or .py.',
  })
}

/** `src/index.handler.sub` → `src/index`: the module ends at the first dot of the last path segment. */
function moduleOf(handler: string): string {
  const slash = handler.lastIndexOf('/')
  const dot = handler.indexOf('.', slash + 1)
  return dot < 0 ? handler : handler.slice(0, dot)
}
