/** Runs one step of a plugin's life within its time limit; faults have the plugin's name, file and version. */
import type { Clock } from '../../core/clock.js'
import { ErrorCode, messageOf, RelayError } from '../../core/errors.js'
import { builtInFile, type PluginSource } from './load.js'

/** The longest that a step may take where the plugin says nothing else. */
export const stepMsDefault = 30_000

/** A step that a fault names. */
export interface StepLimit {
  readonly source: PluginSource
  /** Name of the step in a fault, e.g. `set-up`. */
  readonly step: string
  readonly limitMs: number
  readonly clock: Clock
}

/** Resolves or rejects as `run` does; rejects with RR_PLUGIN_TIMEOUT when it takes longer than the limit. */
export function within<T>(
  { source, step, limitMs, clock }: StepLimit,
  run: () => T | Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const what = `did not finish its ${step} within ${limitMs} ms`
    const timer = clock.timer(limitMs, () => reject(pluginError(ErrorCode.PluginTimeout, source, what)))
    const ended = (async (): Promise<T> => run())()
    ended.then(resolve, reject).finally(() => timer.clear())
  })
}

/** Makes the error of a plugin that did something wrong, with its file and version. */
export function pluginError(
  code: ErrorCode,
  source: PluginSource,
  what: string,
  cause?: unknown,
): RelayError {
  const version = source.version === undefined ? '' : `, version ${source.version}`
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`
  return new RelayError(code, `plugin "${source.plugin.name}" (${source.file}${version}) ${what}${why}`, {
    hint: 'The fault is in the plugin; the server stops the plugins that it had started.',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** True for an error that a built-in plugin worded itself. */
export function speaksForItself({ file }: PluginSource, error: unknown): error is RelayError {
  return file === builtInFile && error instanceof RelayError
}
