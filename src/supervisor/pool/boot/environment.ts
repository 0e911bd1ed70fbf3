/** Makes the environment of a worker from that of the server, its allow-list, and what the file sets. Pure. */
import type { Platform } from '../../../platform/platform.js'
import type { Identity } from '../../worker/os/identity.js'

/** Parts of a worker's environment. */
export interface EnvironmentParts {
  /** Variables of the server. */
  readonly inherited: Readonly<Record<string, string | undefined>>
  readonly platform: Pick<Platform, 'sharedVariables' | 'ownVariables'>
  /** Names, or beginnings with a `*`; undefined: all of them. */
  readonly allow: readonly string[] | undefined
  /** The user whose HOME, USER and LOGNAME it gets. */
  readonly account: Identity['account']
  /** RR_RELAY and RR_RPC; the file may override them. */
  readonly addresses: Readonly<Record<string, string>>
  /** `env` of `server:` and of the pool, the later over the earlier. */
  readonly set: readonly Readonly<Record<string, string>>[]
  /** RR_MODE and the versions, which the file cannot override. */
  readonly fixed: Readonly<Record<string, string>>
}

const always = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'RELAYRUNNER_*']
const never = ['_RELAYRUNNER_*']

/** The variables of one worker. */
export function workerEnvironment(parts: EnvironmentParts): Record<string, string> {
  const { account, platform } = parts
  const allow = parts.allow && [...parts.allow, ...always, ...platform.sharedVariables]
  const deny = [...never, ...platform.ownVariables]
  const isAllowed = (name: string) =>
    !deny.some((one) => covers(one, name)) && (allow === undefined || allow.some((one) => covers(one, name)))
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
