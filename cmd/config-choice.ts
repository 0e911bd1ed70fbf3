/** Says which configuration file is read where a folder has two: `.rr.yaml` beside `rr.yaml` is easily taken for the one in force. */
import { existsSync } from 'node:fs'
import type { CommonOptions } from './options.js'

/** Writes one line to standard error when both are here and neither was named. */
export function sayWhichConfig({ config, dotenv, silent }: CommonOptions): void {
  const { RR_CONFIG: named = '', DOTENV_PATH: file = '' } = process.env
  // A file of variables may name the configuration.
  if (silent === true || [config, dotenv].some((one) => one !== undefined) || named !== '' || file !== '')
    return
  if (existsSync('rr.yaml') && existsSync('.rr.yaml'))
    process.stderr.write('rr: reading rr.yaml; .rr.yaml beside it is not read (-c .rr.yaml reads that)\n')
}
