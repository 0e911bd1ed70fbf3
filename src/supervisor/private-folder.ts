/**
 * The private folder of one server: `/tmp/rr-UID/H`, H from the configuration file's real path, so that commands find the
 * server by the same file. Not from TMPDIR or XDG_RUNTIME_DIR, which differ between a service and a shell.
 */
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { ErrorCode, RelayError } from '../core/errors.js'

/** What a server is known by. */
export interface ServerIdentity {
  readonly uid: number
  /** The configuration file, or the working directory when there is none. */
  readonly path: string
}

const digits = 12
const ownerOnly = 0o700

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
  for (const one of [join('/tmp', `rr-${identity.uid}`), folder]) {
    mkdirSync(one, { mode: ownerOnly, recursive: true })
    const stat = lstatSync(one)
    const mode = stat.mode & 0o777
    if (stat.isDirectory() && stat.uid === identity.uid && mode === ownerOnly) continue
    const kind = stat.isDirectory()
      ? `a folder of user ${stat.uid} with mode 0${mode.toString(8)}`
      : 'not a folder'
    throw new RelayError(
      ErrorCode.PrivateFolder,
      `${one} is ${kind}; it must be ours alone (0700, user ${identity.uid})`,
      {
        hint: `Remove it, or run chmod 700 ${one} if you made it.`,
      },
    )
  }
  return folder
}
