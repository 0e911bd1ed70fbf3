/** Faults of a start: finds those of the configuration, and tells each where it will be read. */
import { ErrorCode, hasCode, messageOf, RelayError } from '../../src/core/errors.js'
import type { LogFields } from '../../src/logging/logger.js'
import type { LogHost } from '../../src/logging/sink.js'
import { formatProblem, type Problem } from '../../src/schema/tree.js'
import type { BootFault } from '../../src/supervisor/pool/boot/boot-worker.js'
import { repeatsFailedStart } from '../../src/supervisor/pool/boot/failed-start.js'
import { sayFault } from '../options.js'
import { isConfigFault } from './life.js'

/** Faults of the surroundings, found before there is a server whose log could tell them: said as every other command would. */
const surroundings = [
  ErrorCode.AlreadyRunning,
  ErrorCode.AddressInUse,
  ErrorCode.SocketPath,
  ErrorCode.PrivateFolder,
  ErrorCode.PoolUnknown,
  ErrorCode.PluginMissingNeed,
  ErrorCode.JournalLocked,
] as const

/** Tells why the server could not run. Inside Lambda the log is all that there is to read. */
export function tellStartFault(error: unknown, log: LogHost, isInLambda: boolean): void {
  if (error instanceof RelayError && error.details.isPrinted === true) return
  const isKnown = isToldAlready(error)
  const isPlain = !isInLambda && surroundings.some((code) => hasCode(error, code))
  if (!isConfigFault(error) && !isPlain)
    log[isKnown ? 'debug' : 'error'](logFields(error, isInLambda), 'the server could not run')
  else if (!isKnown) sayFault(error)
}

/** True when the start before this one failed for the same event, and told the same. */
function isToldAlready(error: unknown): boolean {
  return repeatsFailedStart(messageOf(error), process.env)
}

/** Returns a fault's log fields, inside Lambda without the workers' output, which the log already holds. */
function logFields(error: unknown, isInLambda: boolean): LogFields {
  if (!isInLambda || !(error instanceof RelayError)) return { error }
  const { summary }: BootFault = error
  return summary === undefined ? { error } : { error: summary, code: error.code, hint: error.hint }
}

/** Prints the problems of the configuration; throws RR_CONFIG_INVALID with those that are errors. */
export function checkProblems(problems: readonly Problem[]): void {
  const faults = problems.filter(({ severity }) => severity === 'error')
  const count = `${faults.length} fault${faults.length === 1 ? '' : 's'}`
  const text = faults.map(formatProblem).join('\n')
  // Its problems are printed here, each with its place.
  const error = new RelayError(ErrorCode.ConfigInvalid, `the configuration has ${count}:\n${text}`, {
    details: { isPrinted: true },
  })
  const isKnown = faults.length > 0 && isToldAlready(error)
  if (!isKnown) for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
  if (faults.length > 0) throw error
}

/** Throws RR_NOTHING_TO_PULL where Lambda did not start this process. */
export function checkRuntimeApi(): void {
  if (process.env.AWS_LAMBDA_RUNTIME_API) return
  const what = 'nothing to pull from: AWS_LAMBDA_RUNTIME_API is not set'
  throw new RelayError(ErrorCode.NothingToPull, what, {
    hint: 'AWS Lambda sets it. Elsewhere use `rr serve` or `rr dev`.',
  })
}
