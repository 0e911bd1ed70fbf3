/**
 * Finds the module that a pool's `command` names when its workers are threads: the command of a process, or only the module.
 */
import { statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { ErrorCode, RelayError } from '../../../core/errors.js'
import { builtFile } from '../../../core/package-files.js'

/** Module that a thread runs, with its arguments. */
export interface ThreadProgram {
  readonly program: string
  readonly argv: readonly string[]
  /** Node's own options, where the command names some. */
  readonly execArgv: readonly string[]
}

const loader = builtFile('workers/node/loader.js')
const endings = ['.mjs', '.js', '.cjs']

/**
 * `handler.mjs`, `node worker.mjs` and `index.handler` (the function `handler` of `index.mjs`, `.js` or `.cjs`).
 * Throws RR_WORKER_COMMAND when there is no such file.
 */
export function threadProgram(words: readonly string[], cwd: string): ThreadProgram {
  const rest = basename(words[0] ?? '').replace(/\.exe$/, '') === 'node' ? words.slice(1) : words
  const at = rest.findIndex((word) => !word.startsWith('-'))
  const [execArgv, name, argv] = [rest.slice(0, Math.max(0, at)), rest[at] ?? '', rest.slice(at + 1)]
  const file = resolve(cwd, name)
  if (isFile(file)) return { program: file, argv, execArgv }
  const dot = name.indexOf('.', name.lastIndexOf('/') + 1)
  if (dot > 0 && endings.some((ending) => isFile(resolve(cwd, name.slice(0, dot) + ending))))
    return { program: loader, argv: [name.slice(name.lastIndexOf('/') + 1), dirname(file)], execArgv }
  throw new RelayError(ErrorCode.WorkerCommand, `there is no module ${file} to run in a thread`, {
    hint: 'With `runtime: thread` the command is a JavaScript file, or FILE.FUNCTION of a handler.',
  })
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}
