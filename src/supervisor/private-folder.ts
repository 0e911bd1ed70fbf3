/**
 * The private folder of one server: `/tmp/rr-UID/H`, H from the configuration file's real path, so that commands find the
 * server by the same file. Not from TMPDIR or XDG_RUNTIME_DIR, which differ between a service and a shell.
 */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ErrorCode, RelayError } from '../core/errors.js'

/** What a server is known by. */
export interface ServerIdentity {
  readonly uid: number
  /** The configuration file, or the working directory when there is none. */
  readonly path: string
}

const digits = 12
const ownerOnly = 0o700
const passOnly = 0o711

/** The folder's path; nothing is made. */
export function privateFolderPath({ uid, path }: ServerIdentity): string {
  const hash = createHash('sha256').update(realpathSync(path)).digest('hex').slice(0, digits)
  return join('/tmp', `rr-${uid}`, hash)
}

/** The control socket in it. */
export function controlSocketPath(identity: ServerIdentity): string {
  return join(privateFolderPath(identity), 'rpc.sock')
}

/** Makes both folders, mode 0700. Throws RR_PRIVATE_FOLDER when one is not ours alone: somebody else may have made it. */
export function openPrivateFolder(identity: ServerIdentity): string {
  const folder = privateFolderPath(identity)
  for (const one of [join('/tmp', `rr-${identity.uid}`), folder]) ownFolder(one, identity.uid, ownerOnly)
  return folder
}

/**
 * A folder beside the private one whose sockets workers of other users can reach by name, and where only we can put any: mode
 * 0711. The private one stays closed to them. Throws RR_PRIVATE_FOLDER.
 */
export function openRelayFolder({ uid, folder }: { readonly uid: number; readonly folder: string }): string {
  const parent = join('/tmp', `rr-${uid}-relay`)
  const path = join(parent, basename(folder))
  for (const one of [parent, path]) ownFolder(one, uid, passOnly)
  return path
}

function ownFolder(path: string, uid: number, wanted: number): void {
  // The umask takes bits away from a new folder, and from nothing that was there.
  if (mkdirSync(path, { mode: wanted, recursive: true }) !== undefined) chmodSync(path, wanted)
  const stat = lstatSync(path)
  const mode = stat.mode & 0o777
  if (stat.isDirectory() && stat.uid === uid && mode === wanted) return
  const kind = stat.isDirectory()
    ? `a folder of user ${stat.uid} with mode 0${mode.toString(8)}`
    : 'not a folder'
  const octal = `0${wanted.toString(8)}`
  throw new RelayError(
    ErrorCode.PrivateFolder,
    `${path} is ${kind}; it must be ours alone (${octal}, user ${uid})`,
    {
      hint: `Remove it, or run chmod ${octal} ${path} if you made it.`,
    },
  )
}
