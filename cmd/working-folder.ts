/** Sets the working directory of this process. The current one may have been removed, and the requested one may not exist. */
import { ErrorCode, messageOf, RelayError } from '../src/core/errors.js'

/** Throws RR_CONFIG_NOT_FOUND where the folder that the process was started in has been removed. */
export function checkFolder(): void {
  try {
    process.cwd()
  } catch (cause) {
    throw new RelayError(ErrorCode.ConfigNotFound, 'the working directory has been removed', {
      hint: 'Change to a folder that exists, and start again.',
      cause,
    })
  }
}

/** Makes it the working directory. Throws RR_CONFIG_NOT_FOUND. */
export function enterFolder(path: string): void {
  try {
    process.chdir(path)
  } catch (cause) {
    throw new RelayError(ErrorCode.ConfigNotFound, `cannot work in ${path}: ${messageOf(cause)}`, {
      hint: 'Name a folder that exists and that this user may enter: `-w DIR`, or that of the configuration file.',
      cause,
    })
  }
}
