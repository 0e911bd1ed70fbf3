/** Finds the address of a project's emulator when no server can be asked: the file's, else the default. */
import { type EnvironmentVariables, readEnvironment } from '../../config/env.js'
import { findConfig } from '../../config/find.js'
import { loadConfig } from '../../config/load.js'
import type { CommonOptions } from '../options.js'

/** Default address of the section `emulator:`. */
const defaultAddress = '127.0.0.1:9010'

/** Address, and the file that names it; undefined when there is no file. */
export interface FileAddress {
  readonly address: string
  readonly file: string | undefined
}

/** `emulator.address` of the project's file with `-o` applied, else the default. Rejects with RR_CONFIG_NOT_FOUND for a file that cannot be read. */
export async function fileAddress(
  options: CommonOptions,
  cwd = process.cwd(),
  env: EnvironmentVariables = readEnvironment(options.dotenv),
): Promise<FileAddress> {
  const file = findConfig({ config: options.config, cwd, env, isBootstrap: true })
  // Mistakes elsewhere in the file do not matter here.
  const { entries } = await loadConfig({ file, cwd, env, overrides: options.override })
  const section = entries.get('emulator')?.value
  const address = section?.kind === 'map' ? section.entries.get('address')?.value : undefined
  const isWritten = address?.kind === 'scalar' && typeof address.value === 'string' && address.value !== ''
  return { address: isWritten ? String(address.value) : defaultAddress, file }
}

/** Returns the `HOST:PORT` to connect to: the loopback address of a server that listens on all addresses. */
export function reachable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^(\[::\]|::):/, '[::1]:')
}
