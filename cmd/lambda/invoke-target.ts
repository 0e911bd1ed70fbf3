/**
 * Decides where `rr invoke` sends: to the running server of this project, else to the emulator at its file's address, once that
 * has identified itself as RelayRunner of this project. Events may have effects, so they never go to another program.
 */
import { readEnvironment } from '../../config/env.js'
import { workingFolder } from '../../config/find.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../src/core/errors.js'
import {
  type EmulatorIdentity,
  EmulatorTarget,
  identityRoute,
  readIdentity,
} from '../../src/plugins/index.js'
import { Status } from '../../src/supervisor/rpc/own.js'
import type { CommonOptions } from '../options.js'
import { connectServer } from '../remote/running-server.js'
import { shownFile } from '../server/plan.js'
import { type FileAddress, fileAddress, reachable } from './emulator-address.js'

/** An address, and a description of the program that listens there. */
export interface InvokeTarget {
  readonly address: string
  readonly who: string
  /** Pools whose last restart failed. */
  readonly stale?: readonly string[]
}

const probeMsMax = 2000
const identityBytesMax = 4096

/**
 * Finds the target when no `--address` is given. Rejects with RR_NOT_RUNNING when no process listens, RR_FOREIGN_SERVER when
 * another program does, and RR_NO_FUNCTION when the server has an emulator but nothing that answers its events.
 */
export async function invokeTarget(options: CommonOptions): Promise<InvokeTarget> {
  const env = readEnvironment(options.dotenv)
  const named = await fileAddress(options, process.cwd(), env)
  const find = { config: options.config, cwd: process.cwd(), env, isBootstrap: true }
  const folder = workingFolder({ ...find, file: named.file, workdir: options.workdir })
  const seen = await whoListens(named.address)
  const isOurs = seen.kind === 'relayrunner' && (named.file === undefined || seen.identity.folder === folder)
  // The project's server may be frozen and not answer.
  if (isOurs && seen.identity.runs === 'environment') return targetOf(named.address, seen.identity)
  const asked = await askServer(options, named)
  if (asked !== undefined) return asked
  if (isOurs) return targetOf(named.address, seen.identity)
  throw seen.kind === 'none' ? notRunning(named, seen.why) : foreign(named, seen)
}

function targetOf(address: string, { pid, folder, runs }: EmulatorIdentity): InvokeTarget {
  const what = runs === 'environment' ? '`rr lambda run`' : 'the server'
  return { address, who: `${what} of ${folder} (pid ${pid})` }
}

/** Asks the project's running server; undefined when none runs. */
async function askServer(options: CommonOptions, { file }: FileAddress): Promise<InvokeTarget | undefined> {
  const who = `the server of ${file === undefined ? process.cwd() : shownFile(file)}`
  try {
    const client = await connectServer(options)
    try {
      const { address, is_pulled: isPulled } = await client.call(EmulatorTarget)
      if (!isPulled) throw noFunction(who)
      const { stale = [] } = await client.call(Status)
      return { address, who, stale }
    } finally {
      client.close()
    }
  } catch (error) {
    if ([ErrorCode.NotRunning, ErrorCode.ConfigNotFound].some((code) => hasCode(error, code)))
      return undefined
    if (hasCode(error, ErrorCode.RpcFailed)) throw noEmulator(who, error)
    throw error
  }
}

type Listener =
  | { readonly kind: 'relayrunner'; readonly identity: EmulatorIdentity }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'none'; readonly why: string }

/** Asks the listener at an address to identify itself; sends no event. */
async function whoListens(address: string): Promise<Listener> {
  if (address.endsWith(':0')) return { kind: 'none', why: 'only the running server knows its free port' }
  const { request } = await import('undici')
  try {
    const signal = AbortSignal.timeout(probeMsMax)
    const { body } = await request(`http://${reachable(address)}${identityRoute}`, { signal })
    let text = ''
    for await (const chunk of body) {
      text += String(chunk)
      if (text.length > identityBytesMax) return { kind: 'foreign' }
    }
    const identity = readIdentity(text)
    return identity === undefined ? { kind: 'foreign' } : { kind: 'relayrunner', identity }
  } catch (error) {
    const isRefused = error instanceof Error && 'code' in error && neverConnected.has(String(error.code))
    // A program that accepts the connection listens there, even if it does not speak HTTP or does not answer.
    return isRefused ? { kind: 'none', why: messageOf(error) } : { kind: 'foreign' }
  }
}

const neverConnected = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_INVALID_URL',
])

function placeOf({ address, file }: FileAddress): string {
  return file === undefined ? address : `${address} (emulator.address of ${shownFile(file)})`
}

function notRunning(named: FileAddress, why: string): RelayError {
  const flag = named.file === undefined ? '' : ` -c ${shownFile(named.file)}`
  return new RelayError(ErrorCode.NotRunning, `no emulator answers on ${placeOf(named)}: ${why}`, {
    hint: `Start one with \`rr dev${flag}\` or \`rr lambda run\`, or name it with --address.`,
  })
}

function foreign(named: FileAddress, seen: Listener): RelayError {
  const who =
    seen.kind === 'relayrunner'
      ? `is the RelayRunner of ${seen.identity.folder} (pid ${seen.identity.pid}), not of this project`
      : 'is not RelayRunner'
  const what = `the program on ${placeOf(named)} ${who}; the event was not sent`
  return new RelayError(ErrorCode.ForeignServer, what, {
    hint: `Start the server of this project with \`rr dev\`, on another address; \`--address ${named.address}\` sends there anyway.`,
  })
}

function noEmulator(who: string, cause: unknown): RelayError {
  return new RelayError(ErrorCode.NotRunning, `${who} runs without an emulator`, {
    hint: 'Start it with `rr dev`, or add an `emulator:` section; --address names another one.',
    cause,
  })
}

function noFunction(who: string): RelayError {
  return new RelayError(
    ErrorCode.NoFunction,
    `${who} has no \`lambda:\` section, so no event would be answered`,
    {
      hint: 'Add `lambda: {}` to its file and restart it.',
    },
  )
}
