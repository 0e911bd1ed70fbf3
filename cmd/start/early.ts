/**
 * Starts the first workers of `rr bootstrap` before its code is loaded: a worker's own boot takes longer than that, and is all that the
 * first event then waits for. Only from a compiled configuration; whatever stands in the way, the ordinary start does it.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type CompiledConfig, compiledTree } from '../../config/compiled.js'
import { findConfig, identityPath, readConfig, workingFolder } from '../../config/find.js'
import { expandText } from '../../config/yaml/expand.js'
import { commandWords } from '../../src/core/command-words.js'
import { messageOf } from '../../src/core/errors.js'
import { lambdaPlatform } from '../../src/platform/lambda.js'
import {
  openRootFolder,
  privateFolderPath,
  rootFolderPath,
  workerSocketName,
} from '../../src/supervisor/folder/private-folder.js'
import { workerEnvironment } from '../../src/supervisor/pool/boot/environment.js'
import { roadRunnerVersion } from '../../src/supervisor/version.js'
import { EarlyChildren } from '../../src/supervisor/worker/os/early.js'
import { version } from '../version.js'
import type { BootstrapWords } from './bootstrap-words.js'

/** Returns the children that were started; undefined, with a note where something went wrong, when there is none. */
export function startEarly(
  { config, workdir, override, dotenv, handler }: BootstrapWords,
  compiled: CompiledConfig | undefined,
  notes: string[],
): EarlyChildren | undefined {
  // The shell's own message to the server, which takes it out of its environment later.
  const { RELAYRUNNER_HANGUP: _hangup, ...env } = process.env
  const isPlain = override.length === 0 && (workdir ?? dotenv ?? handler ?? env.DOTENV_PATH) === undefined
  if (compiled?.early === undefined || !isPlain || !env.AWS_LAMBDA_RUNTIME_API) return undefined
  try {
    const find = { config, cwd: process.cwd(), env, isBootstrap: true }
    const file = findConfig(find)
    if (file === undefined || compiledTree(compiled, readConfig(file)) === undefined) return undefined
    const path = identityPath({ ...find, file })
    return start(compiled.early, { env, path, cwd: workingFolder({ ...find, file }) }, notes)
  } catch (error) {
    notes.push(`no worker was started early: ${messageOf(error)}`)
    return undefined
  }
}

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Identity of the server. */
  readonly path: string
  readonly cwd: string
}

function start(
  plan: NonNullable<CompiledConfig['early']>,
  { env, path, cwd }: Surroundings,
  notes: string[],
): EarlyChildren | undefined {
  const platform = lambdaPlatform(env)
  const uid = process.getuid?.() ?? 0
  const folder = privateFolderPath({ uid, path, listen: '' })
  // The server opens its sockets first, then: see `opensLate`.
  if (!platform.opensLate || existsSync(folder)) return undefined
  const text = (written: string) => expandText(written, env).text
  const words =
    typeof plan.command === 'string' ? (commandWords(text(plan.command)) ?? []) : plan.command.map(text)
  const set = plan.env.map((one) =>
    Object.fromEntries(Object.entries(one).map(([name, value]) => [name, text(value)])),
  )
  const children = new EarlyChildren({
    words,
    cwd,
    env: workerEnvironment({
      inherited: env,
      platform,
      allow: undefined,
      account: undefined,
      addresses: { RR_RELAY: 'pipes', RR_RPC: `unix://${folder}/${workerSocketName}` },
      set,
      fixed: { RR_MODE: plan.mode, RR_VERSION: roadRunnerVersion, RELAYRUNNER_VERSION: version },
    }),
  })
  openRootFolder(uid)
  process.on('exit', () => children.discard())
  children.start(plan.count, (at) => join(rootFolderPath(uid), `fifo-${process.pid}-early-${at}`))
  notes.push(`workers started early: ${plan.count}`)
  return children
}
