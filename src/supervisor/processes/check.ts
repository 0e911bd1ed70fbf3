/** Checks the options of a process, as a plugin hands them in. Pure. */
import { ErrorCode, RelayError } from '../../core/errors.js'
import { objectOf } from '../../core/json.js'

const restarts: readonly unknown[] = [undefined, 'always', 'failure', 'never']
const signals: readonly unknown[] = [undefined, 'SIGTERM', 'SIGINT', 'SIGQUIT']

/** Throws RR_PLUGIN_API for options that are not what `ProcessOptions` says. */
export function checkProcess(options: unknown): void {
  const { name, command, env, keys, restart, stopSignal, ...more } = objectOf(options)
  if (typeof name !== 'string' || name === '') throw wrong('a process without a name was to be started')
  const refuse = (what: string): never => {
    throw wrong(`process "${name}": ${what}`)
  }
  const words = typeof command === 'string' ? [command] : command
  if (!isListOfTexts(words) || words[0] === undefined || words[0].trim() === '')
    refuse('`command` is not a text that names a program, nor a list of texts')
  if (env !== undefined && !isListOfTexts(Object.values(objectOf(env))))
    refuse('`env` is not an object of texts')
  if (keys !== undefined && objectOf(keys) !== keys) refuse('`keys` is not an object')
  if (!restarts.includes(restart)) refuse("`restart` is not 'always', 'failure' or 'never'")
  if (!signals.includes(stopSignal)) refuse("`stopSignal` is not 'SIGTERM', 'SIGINT' or 'SIGQUIT'")
  for (const key of ['restartMs', 'runMsMax', 'stopMsMax']) {
    const ms = more[key]
    if (ms !== undefined && !(typeof ms === 'number' && Number.isFinite(ms) && ms > 0))
      refuse(`\`${key}\` is not a number of milliseconds above zero`)
  }
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function wrong(what: string): RelayError {
  return new RelayError(ErrorCode.PluginApi, what, {
    hint: "Write `processes.start({ name: 'cron', command: 'crond -f' })`.",
  })
}
