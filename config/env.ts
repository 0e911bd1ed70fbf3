/** The environment that the server starts with: the process's own, and a `.env` file beneath it. The one reader of `process.env`. */
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ErrorCode, messageOf, RelayError } from '../src/core/errors.js'

/** Names and values; undefined is unset. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>

/** The process's environment, over that of the dotenv file, if one is named (`--dotenv`, DOTENV_PATH). */
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
