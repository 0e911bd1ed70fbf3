/** Options, exit codes and error output that all commands share. */
import { ErrorCode, messageOf, RelayError } from '../src/core/errors.js'
import { printable, printableLines } from './output.js'
import { suggestion } from './suggestions.js'

/** Options of all commands as commander passes them. */
export interface CommonOptions {
  /** `-c FILE`. */
  readonly config?: string
  /** `-w DIR`: working directory of server and workers. */
  readonly workdir?: string
  /** `-o key.path=value`, in order. */
  readonly override: readonly string[]
  /** `--dotenv FILE`. */
  readonly dotenv?: string
  /** `-s`: no messages for people but errors. */
  readonly silent?: boolean
  /** `-p`: `serve` writes its pid to `.pid` in the working directory. */
  readonly pid?: boolean
  /** `-f`: `stop` does not wait for running jobs. */
  readonly force?: boolean
  /** Data as one JSON document on standard output. */
  readonly json?: boolean
}

/** Exit codes; 78 is EX_CONFIG of sysexits. */
export const ExitCode = { ok: 0, fault: 1, usage: 2, config: 78 } as const

/** Writes to standard error what is wrong with the arguments of a command; returns the exit code for that. */
export function wrongUsage(what: string, hint?: string): number {
  sayFault(new RelayError(ErrorCode.Usage, what, hint === undefined ? {} : { hint }))
  return ExitCode.usage
}

/** Gives a message of commander (`error: …`, maybe with `(Did you mean …?)` below) the form of all other faults. */
export function usageText(text: string): string {
  const [first = '', ...more] = text.trim().split('\n')
  const advice = suggestion(first) ?? more.map((line) => line.replace(/^\((.*)\)$/, '$1')).join(' ')
  const hint = advice === '' ? '`rr --help` lists the commands, `rr COMMAND --help` its options.' : advice
  return `rr: ${ErrorCode.Usage}: ${printable(first.replace(/^error: /, ''))}\n    ${printable(hint)}\n`
}

/** Writes a fault to standard error: code and message, and the hint on a second line. Returns the exit code. */
export function sayFault(error: unknown): number {
  const isOurs = error instanceof RelayError
  process.stderr.write(`rr: ${isOurs ? `${error.code}: ` : ''}${printableLines(messageOf(error))}\n`)
  if (isOurs && error.hint !== undefined) process.stderr.write(`    ${printable(error.hint)}\n`)
  if (!isOurs && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
  return ExitCode.fault
}
