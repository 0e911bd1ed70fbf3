/** Chooses what `rr lambda run` starts: a given command, the folder's bootstrap, or `rr bootstrap` with a handler. */
import { resolve } from 'node:path'
import { readEnvironment } from '../../config/env.js'
import { findConfig } from '../../config/find.js'
import { handlerCommand } from '../../config/handler.js'
import { zeroConfig } from '../../config/zero.js'
import { builtFile } from '../../src/core/package-files.js'
import { isExecutable } from '../../src/supervisor/worker/os/program.js'
import type { CommonOptions } from '../options.js'
import { loaderPlaces } from '../server/plan.js'

/** Arguments of `rr lambda run` that decide. */
export interface LambdaWords {
  /** A handler, or a command after `--`. */
  readonly words: readonly string[]
  /** True when `--` was given. */
  readonly isCommand: boolean
  readonly cwd: string
  readonly options: CommonOptions & { readonly handler?: string }
}

/** The function's bootstrap and its `_HANDLER`. */
export interface LambdaProgram {
  readonly command: readonly string[]
  readonly handler: string
}

/**
 * Chooses the program. A string is the reason why the arguments are wrong. Throws RR_CONFIG_NOT_FOUND when there is nothing
 * to run.
 */
export function lambdaProgram(about: LambdaWords): LambdaProgram | string {
  const { words, cwd, options } = about
  const [word] = words
  const { override, dotenv } = options
  if (isCommand(about)) {
    if (override.length > 0 || dotenv !== undefined)
      return '-o and --dotenv are options of `rr bootstrap`: if you give a command, put them there'
    return { command: words, handler: options.handler ?? process.env._HANDLER ?? '' }
  }
  if (word !== undefined && options.handler !== undefined) return 'give either HANDLER or --handler'
  const named = word ?? options.handler
  const handler = named ?? process.env._HANDLER ?? ''
  const own = resolve(cwd, 'bootstrap')
  if (override.length === 0 && dotenv === undefined && isExecutable(own)) return { command: [own], handler }
  const env = readEnvironment(dotenv)
  const file = findConfig({ config: options.config, cwd, env, isBootstrap: true })
  // Fail now, not with the first event. With a configuration file the handler is set there, unless it was named here.
  if (file === undefined || word !== undefined)
    zeroConfig(handler, named === undefined ? '_HANDLER' : 'the handler', {
      env,
      folder: cwd,
      places: loaderPlaces(),
    })
  return { command: ourBootstrap(word, options), handler }
}

function isCommand({ words, isCommand: isMarked, cwd }: LambdaWords): boolean {
  const [word = ''] = words
  if (isMarked || words.length !== 1) return words.length > 0
  const about = { env: process.env, folder: cwd, places: loaderPlaces() }
  return isExecutable(resolve(cwd, word)) && handlerCommand(word, about) === undefined
}

function ourBootstrap(word: string | undefined, { override, dotenv }: CommonOptions): readonly string[] {
  const rr = builtFile('cmd/rr.js')
  const flags = [
    ...override.flatMap((one) => ['-o', one]),
    ...(dotenv === undefined ? [] : ['--dotenv', dotenv]),
  ]
  return [process.execPath, rr, 'bootstrap', ...(word === undefined ? [] : [word]), ...flags]
}
