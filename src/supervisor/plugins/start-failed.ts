/** Tells plugins that the server could not start, whether they were set up or not: `onStartFailed` of their definitions. */
import type { Clock } from '../../core/clock.js'
import { messageOf } from '../../core/errors.js'
import type { Logger } from '../../logging/logger.js'
import type { AnyPlugin, RunMode } from './definition.js'
import { builtInFile } from './load.js'
import { stepMsDefault, within } from './steps.js'

/** Options of the report. */
export interface StartFailedOptions {
  /** Plugins that were to be started. */
  readonly plugins: readonly AnyPlugin[]
  readonly mode: RunMode
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Logger
}

/** Calls `onStartFailed` of all plugins at once, each with 30 s. Never rejects. */
export async function tellStartFailed(error: Error, options: StartFailedOptions): Promise<void> {
  const { plugins, mode, env, clock, log } = options
  const tell = async (plugin: AnyPlugin) => {
    const own = log.named(plugin.name)
    const source = { plugin, file: builtInFile, version: plugin.version }
    const limit = { source, step: 'onStartFailed', limitMs: stepMsDefault, clock }
    try {
      await within(limit, () => plugin.onStartFailed?.(error, { mode, env, clock, log: own }))
    } catch (fault) {
      own.error({ error: messageOf(fault) }, 'a plugin failed in onStartFailed')
    }
  }
  await Promise.all(plugins.filter((plugin) => plugin.onStartFailed !== undefined).map(tell))
}
