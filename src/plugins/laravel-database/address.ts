/** Addresses of databases as applications write them. Passwords are taken as they are where they are not percent-encoded. Pure. */
import { ErrorCode, RelayError } from '../../index.js'

/** Encryption of a connection. */
type SslMode = 'disabled' | 'required' | 'verify_ca' | 'verify_identity'

/** Parts of an address. */
export interface DatabaseAddress {
  readonly kind: 'mysql' | 'postgres'
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string
  readonly ssl: SslMode
  /** File with the authorities that a server's certificate is checked by; absent: the system's. */
  readonly sslCa: string | undefined
}

const form = /^(\w+):\/\/(?:([^:@]*)(?::(.*))?@)?(\[[^\]]*\]|[^:/@[]*)(?::(\d+))?\/([^/?]+)(?:\?(.*))?$/s
const ports = { mysql: 3306, postgres: 5432 } as const
const modes = ['disabled', 'required', 'verify_ca', 'verify_identity'] as const

/** Reads an address. Throws for a parameter that nobody knows: what it asks for would silently not be done. */
export function parseAddress(url: string): DatabaseAddress {
  const found = form.exec(url)
  if (found === null)
    throw fault('the address of the database cannot be read', 'Write SCHEME://USER:PASSWORD@HOST:PORT/NAME.')
  const [, scheme = '', user, password, host = '', port, database = '', query = ''] = found
  const kind = /^p/i.test(scheme) ? 'postgres' : 'mysql'
  const { ssl, sslCa } = sslOf(new URLSearchParams(query))
  return {
    kind,
    host: host === '' ? '127.0.0.1' : host.replace(/^\[|\]$/g, ''),
    port: port === undefined ? ports[kind] : Number(port),
    user: user === undefined || user === '' ? undefined : decoded(user),
    password: password === undefined ? undefined : decoded(password),
    database: decoded(database),
    ssl,
    sslCa,
  }
}

function sslOf(query: URLSearchParams): Pick<DatabaseAddress, 'ssl' | 'sslCa'> {
  let ssl: SslMode = 'disabled'
  let sslCa: string | undefined
  for (const [key, value] of query) {
    const name = key.toLowerCase().replace('sslmode', 'ssl-mode').replaceAll('_', '-')
    const mode = modes.find(
      (one) => one === value.toLowerCase().replaceAll('-', '_').replace('full', 'identity'),
    )
    if (name === 'ssl-ca') sslCa = value
    else if (name === 'ssl-mode' && mode !== undefined) ssl = mode
    else if (name === 'ssl-mode' && value === 'disable') ssl = 'disabled'
    else if (name === 'ssl-mode' && value === 'require') ssl = 'required'
    // What Laravel's own addresses hold beside: both databases are spoken to in Unicode.
    else if (name !== 'charset')
      throw fault(
        `the address of the database has "${key}=${value}"`,
        `Known are ssl-mode (${modes.join(', ')}) and ssl-ca.`,
      )
  }
  return { ssl, sslCa }
}

function fault(what: string, hint: string): RelayError {
  return new RelayError(ErrorCode.ConfigInvalid, what, { hint })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A percent sign of a password that was not encoded.
    return text
  }
}
