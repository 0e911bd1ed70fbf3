/**
 * Claims the private folder for this server: refuses while a live server has it, clears what a killed one left, and sweeps the
 * folders of other servers that have ended. Everything happens under the start lock.
 */
import { readlinkSync, rmdirSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Clock } from '../../core/clock.js'
import { ErrorCode, hasCode, messageOf, RelayError } from '../../core/errors.js'
import { cardName, readCard, writeCard } from './card.js'
import {
  aliasPath,
  controlSocketName,
  openPrivateFolder,
  openRootFolder,
  privateFolderPath,
  type ServerIdentity,
} from './private-folder.js'
import { holdStartLock } from './start-lock.js'
import { clearFolder, isServerLive, sweepFolders } from './sweep.js'

/** Options of a claim. */
export interface ClaimOptions {
  readonly identity: ServerIdentity
  readonly version: string
  readonly clock: Clock
}

/** Opens the sockets in the folder that was taken, given its path. */
export type OpenSockets = (folder: string) => Promise<void>

/**
 * Takes the folder and opens its sockets. Resolves with a function that releases the folder, to be called in the same turn
 * as the sockets are closed. Rejects with RR_ALREADY_RUNNING, RR_PRIVATE_FOLDER, or the fault of `open`.
 */
export async function claimFolder(options: ClaimOptions, open: OpenSockets): Promise<() => void> {
  const { identity, version, clock } = options
  const folder = privateFolderPath(identity)
  const root = openRootFolder(identity.uid)
  const release = await holdStartLock(root, clock).catch((error: unknown) => {
    throw cannotUse(root, error)
  })
  try {
    const alias = aliasPath(identity)
    for (const path of alias === undefined ? [folder] : [folder, alias]) await refuseLive(path)
    takePlace(folder)
    openPrivateFolder(identity)
    clearFolder(folder)
    if (alias !== undefined) linkAlias(alias, folder)
    try {
      writeCard(folder, identity, version)
      await open(folder)
    } catch (error) {
      giveBack(folder, alias)
      throw cannotUse(folder, error)
    }
    await sweepFolders({ uid: identity.uid, own: folder, ownAlias: alias, nowMs: clock.nowMs() })
    return () => giveBack(folder, alias)
  } finally {
    release()
  }
}

/** Makes the error for a full or read-only disk, which names the folder. */
function cannotUse(path: string, cause: unknown): unknown {
  // A socket that cannot be made says so with RR_IPC_RELAY_CLOSED.
  if (cause instanceof RelayError && !hasCode(cause, ErrorCode.RelayClosed)) return cause
  return new RelayError(ErrorCode.PrivateFolder, `cannot write in the folder ${path}: ${messageOf(cause)}`, {
    hint: 'The server keeps its sockets there: free some space, or make it writable.',
    cause,
  })
}

async function refuseLive(path: string): Promise<void> {
  if (!(await isServerLive(path))) return
  const card = readCard(path)
  const who = card === undefined ? '' : `, process ${card.pid}`
  const socket = join(path, controlSocketName)
  throw new RelayError(
    ErrorCode.AlreadyRunning,
    `a server with this configuration is running already (${socket}${who})`,
    { hint: 'Stop it with `rr stop`, or start with another configuration file or `rpc.listen`.' },
  )
}

/** Handles a name that is a link, left by a server that was started by another path of this file. */
function takePlace(folder: string): void {
  if (linkTarget(folder) !== undefined) rmSync(folder, { force: true })
}

function linkAlias(alias: string, folder: string): void {
  if (linkTarget(alias) === undefined) {
    // Folder of an ended server, as checked above.
    clearFolder(alias)
    removeFolder(alias)
  } else rmSync(alias, { force: true })
  try {
    symlinkSync(basename(folder), alias)
  } catch (error) {
    throw new RelayError(ErrorCode.PrivateFolder, `cannot create the link ${alias}: ${messageOf(error)}`, {
      hint: 'Remove it: it is not a link that rr created.',
      cause: error,
    })
  }
}

/** Returns the folder that one of our links points to; undefined when it is not a link. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // EINVAL: not a link. ENOENT: the path does not exist.
    return undefined
  }
}

function giveBack(folder: string, alias: string | undefined): void {
  rmSync(join(folder, cardName), { force: true })
  if (alias !== undefined && linkTarget(alias) === basename(folder)) rmSync(alias, { force: true })
  removeFolder(folder)
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Not empty, or already removed: neither affects the next server.
  }
}
