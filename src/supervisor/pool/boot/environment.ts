/** The environment of a worker, from that of the server, its allow-list, and what the file sets. Pure. */
import type { Identity } from '../../worker/os/identity.js'

/** What it is made of. */
export interface EnvironmentParts {
  /** The server's own. */
  readonly inherited: Readonly<Record<string, string | undefined>>
  /** Names, or beginnings with a `*`; undefined: all of them. */
  readonly allow: readonly string[] | undefined
  /** Whose HOME, USER and LOGNAME it gets. */
  readonly account: Identity['account']
  /** RR_RELAY and RR_RPC: what the file sets goes over them. */
  readonly addresses: Readonly<Record<string, string>>
  /** `env` of `server:` and of the pool, the later over the earlier. */
  readonly set: readonly Readonly<Record<string, string>>[]
  /** What nobody may change: RR_MODE and the versions. */
  readonly fixed: Readonly<Record<string, string>>
}

// Lambda hands these to the runtime and not to its children: a worker that wrote there would corrupt the log stream.
const ownVariables = /^(_LAMBDA_TELEMETRY_LOG_FD|_RELAYRUNNER_)/
const always = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'RELAYRUNNER_*']
// The AWS SDKs, the loaders of handlers, and the libraries of layers need theirs.
const alwaysInLambda = ['AWS_*', 'LAMBDA_*', '_HANDLER', '_X_AMZN_TRACE_ID', 'LD_LIBRARY_PATH']

/** The variables of one worker. */
export function workerEnvironment(parts: EnvironmentParts): Record<string, string> {
  const { account } = parts
  const isLambda = parts.inherited.AWS_LAMBDA_RUNTIME_API !== undefined
  const allow = parts.allow && [...parts.allow, ...always, ...(isLambda ? alwaysInLambda : [])]
  const isAllowed = (name: string) =>
    !ownVariables.test(name) && (allow === undefined || allow.some((one) => covers(one, name)))
  const inherited = Object.entries(parts.inherited).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && isAllowed(pair[0]),
  )
  return {
    ...Object.fromEntries(inherited),
    ...(account && { HOME: account.home, USER: account.name, LOGNAME: account.name }),
    ...parts.addresses,
    ...Object.assign({}, ...parts.set),
    ...parts.fixed,
  }
}

function covers(allowed: string, name: string): boolean {
  return allowed.endsWith('*') ? name.startsWith(allowed.slice(0, -1)) : name === allowed
}
