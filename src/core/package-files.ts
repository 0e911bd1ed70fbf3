/**
 * Finds files of this package beside the code that runs. The compiled sources (`build/`) and what ships (`dist/`) have the same
 * folders, and this code is two folders deep in both: in `src/core`, or in the folder of a bundle below `cmd`.
 */
import { join } from 'node:path'

/** Returns the path of a file that the build makes, e.g. `workers/node/loader.js`. */
export function builtFile(path: string): string {
  return join(import.meta.dirname, '../..', path)
}

/** Returns the path of a file of the package that is not built, e.g. `workers/python/src`. */
export function packageFile(path: string): string {
  return builtFile(join('..', path))
}
