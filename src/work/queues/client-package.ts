/** Loads the client packages of drivers, which are optional. */
import { ErrorCode, messageOf, RelayError } from '../../index.js'

/** A package that a driver needs. */
export interface ClientPackage<T> {
  /** Names as npm knows them; more than one where they belong together. */
  readonly packages: readonly [string, ...string[]]
  /** Name of the driver. */
  readonly driver: string
  /** `driver`, unless something else needs it. */
  readonly kind?: 'driver' | 'plugin'
  /** Imports it: `() => import('pg')`. */
  readonly load: () => Promise<T>
}

/** Imports a client. Rejects with RR_DRIVER_PACKAGE and the line that installs it when it is not there, or cannot be loaded. */
export async function loadClient<T>({
  packages,
  driver,
  kind = 'driver',
  load,
}: ClientPackage<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    const names = packages.join(' and ')
    const why = isMissing
      ? `${packages.length > 1 ? 'are' : 'is'} not installed`
      : `cannot be loaded: ${messageOf(error)}`
    throw new RelayError(ErrorCode.DriverPackage, `the ${kind} "${driver}" needs ${names}, which ${why}`, {
      hint: `Run \`npm install ${packages.join(' ')}\` beside relayrunner.`,
      cause: error,
    })
  }
}
