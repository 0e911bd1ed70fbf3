/** Finds the running server of a configuration. Checks who owns a socket and its folders before anything is sent to it. */
import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { join, resolve } from 'node:path'
import { readEnvironment } from '../../config/env.js'
import { findConfig, identityPath } from '../../config/find.js'
import { loadConfig } from '../../config/load.js'
import { ErrorCode, hasCode, RelayError } from '../../src/core/errors.js'
import { isCardAlive, readCard, type ServerCard } from '../../src/supervisor/folder/card.js'
import {
  aliasPath,
  checkPrivateFolder,
  controlSocketName,
  folderNamePattern,
  privateFolderPath,
  rootFolderPath,
} from '../../src/supervisor/folder/private-folder.js'
import type { CommonOptions } from '../options.js'
import { otherUsers } from './other-users.js'

/** Server that a command looks for. */
export interface Wanted {
  readonly uid: number
  /** The configuration file as it was given, or the working directory. */
  readonly path: string
  readonly listen: string
  /** False when there is no file and none was named. */
  readonly isNamed: boolean
}

/** A socket that may be a running server's. */
export interface Candidate {
  readonly socket: string
  readonly card: ServerCard | undefined
}

const shownMax = 5

/** Resolves the server that the options name. A file that no longer exists still identifies its server. */
export async function wantedServer(options: CommonOptions): Promise<Wanted> {
  const env = readEnvironment(options.dotenv)
  const cwd = process.cwd()
  // Commands work without a file, too: the server is then that of the folder.
  const find = { config: options.config, cwd, env, isBootstrap: true }
  const uid = process.getuid?.() ?? 0
  try {
    const file = findConfig(find)
    const path = identityPath({ ...find, file, workdir: options.workdir })
    return { uid, path, listen: await listenOf(options, file, env), isNamed: file !== undefined }
  } catch (error) {
    const named = options.config ?? env.RR_CONFIG
    if (!hasCode(error, ErrorCode.ConfigNotFound) || !named) throw error
    return { uid, path: resolve(cwd, named), listen: await listenOf(options, undefined, env), isNamed: true }
  }
}

/** Throws RR_CONFIG_NOT_FOUND with the places that were looked at, unless there is a file or this is Lambda. */
export function requireConfig(options: CommonOptions): void {
  const env = readEnvironment(options.dotenv)
  const isBootstrap = env.LAMBDA_TASK_ROOT !== undefined
  findConfig({ config: options.config, cwd: process.cwd(), env, isBootstrap })
}

/**
 * Returns the sockets at which the server may listen, after checking their owners. Throws RR_PRIVATE_FOLDER for one that
 * other users can access.
 */
export function candidates(wanted: Wanted): readonly Candidate[] {
  const root = rootFolderPath(wanted.uid)
  if (statOf(root) === undefined) return []
  checkPrivateFolder(root, wanted.uid)
  const alias = aliasPath(wanted)
  const places = [privateFolderPath(wanted), ...(alias === undefined ? [] : [alias])]
  const found = places.flatMap((place) => checked(place, wanted.uid) ?? [])
  if (found.length > 0 || wanted.listen === '') return found
  // RoadRunner knows a server by `rpc.listen` alone, and its tools name no file.
  return runningFolders(wanted.uid)
    .filter(({ card }) => card.listen === wanted.listen)
    .flatMap(({ folder }) => checked(folder, wanted.uid) ?? [])
}

/** Makes the error for a server that does not run; its hint lists this user's running servers. */
export function notRunning(wanted: Wanted): RelayError {
  const others = runningCards(wanted.uid)
  const same = others.find((card) => card.path === wanted.path && card.listen !== wanted.listen)
  const list = others.slice(0, shownMax).map(({ path, pid }) => `${path} (pid ${pid})`)
  const hint =
    same !== undefined
      ? `Process ${same.pid} serves it with another rpc.listen: add -o rpc.listen=${same.listen}`
      : list.length > 0
        ? `Running: ${list.join(', ')}. Name the file with -c, or start a server with \`rr serve\`.`
        : `Start one with \`rr serve\`, with the same -c. ${otherUsers(wanted.uid)}`
  const what = wanted.listen === '' ? wanted.path : `${wanted.path} with rpc.listen=${wanted.listen}`
  return new RelayError(ErrorCode.NotRunning, `no server runs for ${what}`, { hint })
}

async function listenOf(
  options: CommonOptions,
  file: string | undefined,
  env: ReturnType<typeof readEnvironment>,
): Promise<string> {
  try {
    const loaded = await loadConfig({ file, cwd: process.cwd(), env, overrides: options.override })
    const rpc = loaded.entries.get('rpc')?.value
    const listen = rpc?.kind === 'map' ? rpc.entries.get('listen')?.value : undefined
    return listen?.kind === 'scalar' && listen.value !== null ? String(listen.value) : ''
  } catch (error) {
    // A file that became unreadable does not hide the server that it started.
    if (hasCode(error, ErrorCode.ConfigNotFound)) return ''
    throw error
  }
}

/** Returns the socket of a folder, or of the folder that a link of ours points to; undefined when there is none. */
function checked(place: string, uid: number): Candidate | undefined {
  const folder = followed(place, uid)
  if (folder === undefined || statOf(folder) === undefined) return undefined
  checkPrivateFolder(folder, uid)
  const socket = join(folder, controlSocketName)
  const stat = statOf(socket)
  if (stat === undefined) return undefined
  if (!stat.isSocket() || stat.uid !== uid) {
    const what = stat.isSocket() ? `a socket of user ${stat.uid}` : 'not a socket'
    throw new RelayError(ErrorCode.PrivateFolder, `${socket} is ${what}; it must belong to user ${uid}`, {
      hint: 'Another user or program created it: remove it, and start the server again.',
    })
  }
  return { socket, card: readCard(folder) }
}

function followed(place: string, uid: number): string | undefined {
  const stat = statOf(place)
  if (stat === undefined || !stat.isSymbolicLink()) return place
  const target = readlinkSync(place)
  // Our own links point to a folder beside them and nowhere else.
  return stat.uid === uid && folderNamePattern.test(target) ? join(rootFolderPath(uid), target) : undefined
}

function runningCards(uid: number): readonly ServerCard[] {
  return runningFolders(uid).map(({ card }) => card)
}

function runningFolders(uid: number): readonly { readonly folder: string; readonly card: ServerCard }[] {
  const root = rootFolderPath(uid)
  if (statOf(root) === undefined) return []
  return readdirSync(root)
    .filter((name) => folderNamePattern.test(name) && statOf(join(root, name))?.isDirectory())
    .flatMap((name) => {
      const folder = join(root, name)
      const card = readCard(folder)
      return card !== undefined && isCardAlive(card) ? [{ folder, card }] : []
    })
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch {
    // The file does not exist.
    return undefined
  }
}
