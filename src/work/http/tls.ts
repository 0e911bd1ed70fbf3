/** Certificates of a listener: read from files, again when they change, and what clients must bring. */
import { readFile, stat } from 'node:fs/promises'
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls'
import { type Clock, ErrorCode, type Logger, messageOf, RelayError, type Timer } from '../../index.js'

/** Keys of a listener's certificates. */
export interface TlsKeys {
  readonly key: string
  readonly cert: string
  /** Empty: the system's authorities. */
  readonly root_ca: string
  readonly client_auth_type: string
  /** Name of the section with these keys, for faults. */
  readonly section: string
}

// Tools that renew certificates replace files, so a watcher of a file would lose it.
const lookEveryMs = 5000

/** Reads the files. Rejects with RR_CONFIG_INVALID when one cannot be read. */
export async function readTls(keys: TlsKeys): Promise<SecureContextOptions> {
  const read = async (key: 'key' | 'cert' | 'root_ca') => {
    try {
      return await readFile(keys[key])
    } catch (cause) {
      const what = `${keys.section}.${key}: ${keys[key]} cannot be read: ${messageOf(cause)}`
      throw new RelayError(ErrorCode.ConfigInvalid, what, { cause })
    }
  }
  const [key, cert] = await Promise.all([read('key'), read('cert')])
  return { key, cert, ...(keys.root_ca === '' ? {} : { ca: await read('root_ca') }) }
}

/** Makes the options that say which certificates clients must bring. */
export function clientRules({ client_auth_type: kind }: TlsKeys) {
  return {
    // RoadRunner's plugin `grpc` writes it without the last letter.
    requestCert: kind !== 'no_client_certs' && kind !== 'no_client_cert',
    rejectUnauthorized: kind === 'require_and_verify_client_cert',
  }
}

/** True when a client that has connected may stay. */
export function isWelcome({ client_auth_type: kind }: TlsKeys, socket: TLSSocket): boolean {
  if (kind !== 'require_any_client_cert' && kind !== 'verify_client_cert_if_given') return true
  const hasCertificate = Object.keys(socket.getPeerCertificate()).length > 0
  if (kind === 'require_any_client_cert') return hasCertificate
  return !hasCertificate || socket.authorized
}

/** Gives the server its certificates again whenever their files have changed; the returned function ends it. */
export function renewTls(
  server: Server,
  keys: TlsKeys,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): () => void {
  let timer: Timer | undefined
  let isOver = false
  let before: string | undefined
  const look = async () => {
    const now = await stampOf(keys)
    if (before !== undefined && now !== before) await renew()
    before = now
    if (!isOver) timer = clock.timer(lookEveryMs, () => void look())
  }
  const renew = async () => {
    try {
      server.setSecureContext(await readTls(keys))
      log.info({ cert: keys.cert }, 'certificates were read again')
    } catch (error) {
      // The old ones stay until both files fit together.
      log.error({ error, reason: messageOf(error) }, 'changed certificates cannot be used')
    }
  }
  void look()
  return () => {
    isOver = true
    timer?.clear()
  }
}

async function stampOf({ key, cert, root_ca: ca }: TlsKeys): Promise<string> {
  const stamps = [key, cert, ca].map((path) =>
    path === ''
      ? ''
      : stat(path).then(
          ({ mtimeMs, ino, size }) => `${mtimeMs} ${ino} ${size}`,
          () => 'gone',
        ),
  )
  return (await Promise.all(stamps)).join('|')
}
