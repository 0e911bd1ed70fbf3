/** Finds the configuration file, and the folder that relative paths refer to. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, resolve } from 'node:path'
import { ErrorCode, messageOf, RelayError } from '../src/core/errors.js'
import type { EnvironmentVariables } from './env.js'

/** Inputs of the search. */
export interface FindOptions {
  /** `-c`. */
  readonly config?: string | undefined
  /** Folder in which `rr` was started. */
  readonly cwd: string
  readonly env: EnvironmentVariables
  readonly isBootstrap: boolean
}

const fileNames = ['rr.yaml', '.rr.yaml']
/** Maximum size of a configuration file in bytes: a larger one is a mistake. */
const configBytesMax = 1024 * 1024

/**
 * Finds the file: `-c`, RR_CONFIG, ./rr.yaml, ./.rr.yaml, and under `bootstrap` those of LAMBDA_TASK_ROOT. Undefined when
 * none exists under `bootstrap`, which needs none. Throws RR_CONFIG_NOT_FOUND with the places that were looked at.
 */
export function findConfig({ config, cwd, env, isBootstrap }: FindOptions): string | undefined {
  const named = config ?? (env.RR_CONFIG === '' ? undefined : env.RR_CONFIG)
  if (named !== undefined) {
    const file = resolve(cwd, named)
    if (existsSync(file)) return file
    throw new RelayError(ErrorCode.ConfigNotFound, `the configuration file ${file} does not exist`, {
      hint: `It was named by ${config === undefined ? 'RR_CONFIG' : '-c'}.`,
    })
  }
  const root = isBootstrap ? env.LAMBDA_TASK_ROOT : undefined
  const folders = root === undefined || root === '' ? [cwd] : [cwd, root]
  const places = folders.flatMap((folder) => fileNames.map((name) => resolve(folder, name)))
  const found = places.find((place) => existsSync(place))
  if (found !== undefined || isBootstrap) return found
  throw new RelayError(
    ErrorCode.ConfigNotFound,
    `no configuration file found; looked for ${places.join(', ')}`,
    {
      hint: 'Name one with -c, create one with `rr init`, or run a handler without one: `rr dev index.handler`, `rr dev worker.php`.',
    },
  )
}

/** True for a file that was written for RoadRunner, and is read as RoadRunner reads it: `.rr.yaml`. */
export function isRoadRunnerFile(file: string | undefined): boolean {
  return file !== undefined && basename(file) === '.rr.yaml'
}

/**
 * Returns the path that identifies a server: the configuration file's as it was given, symbolic links kept, else the working
 * directory's. A relative path is resolved against PWD, the shell's path of the folder, where that leads to the same place:
 * a server that was started in `/app/current` is found there when `current` points elsewhere.
 */
export function identityPath(
  options: FindOptions & { readonly workdir?: string | undefined; readonly file: string | undefined },
): string {
  const { file, workdir, config, cwd, env } = options
  const given = file === undefined ? (workdir ?? '.') : (config ?? (env.RR_CONFIG || basename(file)))
  const found = file ?? workingFolder(options)
  const logical = env.PWD !== undefined && isAbsolute(env.PWD) ? resolve(env.PWD, given) : undefined
  for (const path of [logical, resolve(cwd, given)]) {
    if (path !== undefined && isSamePlace(path, found)) return path
  }
  return found
}

function isSamePlace(path: string, other: string): boolean {
  try {
    return realpathSync(path) === realpathSync(other)
  } catch {
    // One of them does not exist, so they are not the same.
    return false
  }
}

/**
 * Reads the text of a configuration file, or of a file that messages call `what`. Throws RR_CONFIG_NOT_FOUND for a folder,
 * an unreadable, a huge or a binary file.
 */
export function readConfig(file: string, what = 'configuration file'): string {
  try {
    const { size } = statSync(file)
    if (size > configBytesMax) throw new Error(`it has ${size} bytes; the limit is ${configBytesMax}`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    throw new RelayError(ErrorCode.ConfigNotFound, `cannot read the ${what} ${file}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/**
 * Returns the working directory of server and workers: `-w`, else the file's folder, else LAMBDA_TASK_ROOT, else where `rr`
 * was started.
 */
export function workingFolder(
  options: FindOptions & { readonly workdir?: string | undefined; readonly file: string | undefined },
): string {
  const { workdir, file, cwd, env } = options
  const root = env.LAMBDA_TASK_ROOT
  const folder =
    workdir !== undefined
      ? resolve(cwd, workdir)
      : file !== undefined
        ? dirname(file)
        : root !== undefined && isAbsolute(root)
          ? root
          : cwd
  try {
    return realpathSync(folder)
  } catch (error) {
    throw new RelayError(
      ErrorCode.ConfigNotFound,
      `the working directory ${folder} cannot be used: ${messageOf(error)}`,
      {
        hint: 'It comes from -w, or is the folder of the configuration file.',
      },
    )
  }
}
