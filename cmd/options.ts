/** The options that every command shares. */

/** `-c`, `-w`, `-o`, `--dotenv` and `--json` as commander hands them over. */
export interface CommonOptions {
  /** `-c FILE`. */
  readonly config?: string
  /** `-w DIR`: working directory of server and workers. */
  readonly workdir?: string
  /** `-o key.path=value`, in order. */
  readonly override: readonly string[]
  /** `--dotenv FILE`. */
  readonly dotenv?: string
  /** Data as one JSON document on standard output. */
  readonly json?: boolean
}

/** Exit codes; 78 is EX_CONFIG of sysexits. */
export const ExitCode = { ok: 0, fault: 1, usage: 2, config: 78 } as const

/** Says on standard error what is wrong with the words of a command; the exit code for that. */
export function wrongUsage(what: string): number {
  process.stderr.write(`rr: ${what}\n`)
  return ExitCode.usage
}
