/**
 * Names the private folder of a server: `/tmp/rr-UID/H`, where H is made from the configuration file's path as it was given
 * and `rpc.listen`, so that commands with the same arguments find the server. TMPDIR and XDG_RUNTIME_DIR are not used: they
 * differ between a service and a shell. Handles names and owners only; `claim.ts` decides who may take a folder.
 */
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import { sha256 } from '../../core/sha256.js'

/** Identity of a server. */
export interface ServerIdentity {
  readonly uid: number
  /** The configuration file's absolute path with its symbolic links, or the working directory when there is none. */
  readonly path: string
  /** `rpc.listen`; empty when it is not set. */
  readonly listen: string
}

/** Names of folders that are ours in `/tmp/rr-UID`. */
export const folderNamePattern = /^[0-9a-f]{12}$/
/** The operator's socket, in the private folder. */
export const controlSocketName = 'rpc.sock'
/** The workers' socket beside it. */
export const workerSocketName = 'worker.sock'

const digits = 12
const ownerOnly = 0o700
const passOnly = 0o711

/** The folder of all servers of a user. */
export function rootFolderPath(uid: number): string {
  return join('/tmp', `rr-${uid}`)
}

/** The folder beside it with relay sockets that workers of other users may reach. */
export function relayRootPath(uid: number): string {
  return join('/tmp', `rr-${uid}-relay`)
}

/** Returns the path of the private folder without creating it. */
export function privateFolderPath({ uid, path, listen }: ServerIdentity): string {
  return join(rootFolderPath(uid), folderName(path, listen))
}

/**
 * Returns the second name of the server's folder, made from its file's real path. Undefined where that is the same path, or there
 * is none.
 */
export function aliasPath({ uid, path, listen }: ServerIdentity): string | undefined {
  const real = realPath(path)
  return real === undefined || real === path ? undefined : join(rootFolderPath(uid), folderName(real, listen))
}

/** Makes the user's folder, mode 0700. Throws RR_PRIVATE_FOLDER when another user owns it or can open it. */
export function openRootFolder(uid: number): string {
  const path = rootFolderPath(uid)
  ownFolder(path, uid, ownerOnly)
  return path
}

/** Makes a server's folder in the root folder, mode 0700. Throws RR_PRIVATE_FOLDER. */
export function openPrivateFolder(identity: ServerIdentity): void {
  ownFolder(privateFolderPath(identity), identity.uid, ownerOnly)
}

/**
 * Makes a folder beside the private one for sockets of workers of other users: mode 0711, so that they can open a socket by
 * its name and only this user can create one. The private folder stays closed to them. Throws RR_PRIVATE_FOLDER.
 */
export function openRelayFolder({ uid, folder }: { readonly uid: number; readonly folder: string }): string {
  const parent = relayRootPath(uid)
  const path = join(parent, basename(folder))
  for (const one of [parent, path]) ownFolder(one, uid, passOnly)
  return path
}

/** Throws RR_PRIVATE_FOLDER unless the path is a folder of this user with mode 0700; ENOENT when there is none. */
export function checkPrivateFolder(path: string, uid: number): void {
  checkFolder(path, uid, ownerOnly)
}

function folderName(path: string, listen: string): string {
  const text = listen === '' ? path : `${path}\n${listen}`
  return sha256(text).slice(0, digits)
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    // The file was removed since: its name still identifies the server.
    return undefined
  }
}

function ownFolder(path: string, uid: number, wanted: number): void {
  try {
    // Not `recursive`: that reports a read-only file system as ENOENT.
    mkdirSync(path, { mode: wanted })
    // The umask removes mode bits from a new folder.
    chmodSync(path, wanted)
  } catch (error) {
    // The path is something else; the checks below report it.
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    if (!isThere) throw unmade(path, error)
  }
  checkFolder(path, uid, wanted)
}

function unmade(path: string, cause: unknown): RelayError {
  return new RelayError(ErrorCode.PrivateFolder, `cannot create the folder ${path}: ${messageOf(cause)}`, {
    hint: 'The server needs a folder of its own in /tmp for its sockets.',
    cause,
  })
}

function checkFolder(path: string, uid: number, wanted: number): void {
  const stat = lstatSync(path)
  const mode = stat.mode & 0o777
  if (stat.isDirectory() && stat.uid === uid && mode === wanted) return
  const kind = stat.isDirectory()
    ? `a folder of user ${stat.uid} with mode 0${mode.toString(8)}`
    : 'not a folder'
  const octal = `0${wanted.toString(8)}`
  throw new RelayError(
    ErrorCode.PrivateFolder,
    `${path} is ${kind}; it must belong to this user alone (${octal}, user ${uid})`,
    {
      hint: `Remove it, or run chmod ${octal} ${path} if you created it.`,
    },
  )
}
