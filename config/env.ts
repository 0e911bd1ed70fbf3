/** The environment that the server starts with: the process's own, and a `.env` file beneath it. The one reader of `process.env`. */
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ErrorCode, messageOf, RelayError } from '../src/core/errors.js'

/** Environment variables; the value of one that is not set is undefined. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

/** Reads the process's environment, which wins over the dotenv file, if one is named (`--dotenv`, DOTENV_PATH). */
export function readEnvironment(dotenv: string | undefined): EnvironmentVariables {
  const file = dotenv ?? process.env.DOTENV_PATH
  if (file === undefined || file === '') return { ...process.env }
  try {
    return { ...parseEnv(readFileSync(file, 'utf8')), ...process.env }
  } catch (error) {
    throw new RelayError(
      ErrorCode.ConfigNotFound,
      `cannot read the dotenv file ${file}: ${messageOf(error)}`,
      {
        hint: 'It was named by --dotenv or DOTENV_PATH.',
        cause: error,
      },
    )
  }
}
