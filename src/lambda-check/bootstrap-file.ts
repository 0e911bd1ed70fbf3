/** Checks whether a folder of code has a `bootstrap` that Lambda can start. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Place } from '../schema/tree.js'
import type { Known } from './setup.js'

/** Returns the fault of the bootstrap file; undefined when there is none, or when the code is not a folder here. */
export function bootstrapFault(
  templateFolder: string,
  folder: string | undefined,
  at: Place,
): Known<'missing' | 'not executable'> {
  if (folder === undefined) return undefined
  const full = resolve(templateFolder, folder)
  if (!existsSync(full) || !statSync(full).isDirectory()) return undefined
  const file = join(full, 'bootstrap')
  if (!existsSync(file)) return { value: 'missing', at }
  try {
    accessSync(file, constants.X_OK)
    return undefined
  } catch {
    // We may not run it, and neither may Lambda.
    return { value: 'not executable', at }
  }
}
