/** The file `.pid` of `rr serve -p`, which scripts written for RoadRunner read. */
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ErrorCode, messageOf, RelayError } from '../../src/core/errors.js'

/** Writes this process's pid; returns what removes the file, unless another server has written it meanwhile. Throws RR_CONFIG_INVALID. */
export function writePidFile(folder: string): () => void {
  const file = join(folder, '.pid')
  const text = String(process.pid)
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new RelayError(ErrorCode.ConfigInvalid, `-p: ${file} cannot be written: ${messageOf(error)}`, {
      hint: 'Leave out -p, or let this user write there.',
      cause: error,
    })
  }
  return () => {
    try {
      if (readFileSync(file, 'utf8') === text) unlinkSync(file)
    } catch {
      // It is gone, or no longer ours.
    }
  }
}
