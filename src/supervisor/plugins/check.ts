/** Checks the definition of a plugin, so that a mistake is reported in the author's terms and not as an error inside the server. Pure. */
import { ErrorCode, RelayError } from '../../core/errors.js'
import { isObject, type JsonObject, objectOf } from '../../core/json.js'

interface Fault {
  readonly what: string
  readonly hint: string
}

const shapeHint = 'Write `export default definePlugin({ name, setup })`.'

/** Throws RR_PLUGIN_API when the definition of a plugin is malformed. */
export function checkPlugin(definition: unknown): void {
  const fault = pluginFault(definition)
  if (fault === undefined) return
  const name = isObject(definition) && typeof definition.name === 'string' ? ` "${definition.name}"` : ''
  throw new RelayError(ErrorCode.PluginApi, `plugin${name}: ${fault.what}`, { hint: fault.hint })
}

/**
 * Finds the first fault of the value that set-up returned, worded to follow the plugin's name; undefined when there is none.
 * `provides` are the texts of the promised keys.
 */
export function runningFault(
  running: unknown,
  provides: readonly string[],
  isList: boolean,
): string | undefined {
  if (running === undefined) return provides[0] === undefined ? undefined : promised(provides[0])
  if (!isObject(running)) return `returned ${kindOf(running)} from its set-up, not an object`
  for (const name of ['serve', 'stopTaking', 'drain', 'ready'])
    if (running[name] !== undefined && typeof running[name] !== 'function')
      return `returned \`${name}\`, which is ${kindOf(running[name])}, not a function`
  if (isList) return servicesFault(running.services, provides)
  if (provides[0] === undefined || running.service !== undefined) return undefined
  return promised(provides[0])
}

function servicesFault(services: unknown, provides: readonly string[]): string | undefined {
  const pairs: readonly unknown[] = Array.isArray(services) ? services : []
  const given = new Map<string, unknown>()
  for (const pair of pairs) {
    if (!Array.isArray(pair) || !isPlainKey(pair[0]))
      return 'returned `services` with a member that is not a pair of a service key and a service'
    given.set(`${pair[0].name}@${pair[0].major}`, pair[1])
  }
  for (const key of given.keys())
    if (!provides.includes(key)) return `returned service "${key}", which it does not promise in \`provides\``
  const missing = provides.find((key) => given.get(key) === undefined)
  return missing === undefined ? undefined : promised(missing)
}

function promised(key: string): string {
  return `promised service "${key}" and returned none`
}

/** Finds the first fault of a definition; undefined when there is none. */
export function pluginFault(definition: unknown): Fault | undefined {
  if (!isObject(definition)) return { what: `its definition is ${kindOf(definition)}`, hint: shapeHint }
  const { name, version, setup, needs, provides, config, parts, timeouts, on, onStartFailed } = definition
  if (typeof name !== 'string' || name === '')
    return {
      what: `\`name\` is ${kindOf(name)}`,
      hint: 'It is a text: its section in rr.yaml, its name in the log.',
    }
  if (typeof setup !== 'function')
    return {
      what: `\`setup\` is ${kindOf(setup)}`,
      hint: 'It is a function that receives config, needs, log and more.',
    }
  if (version !== undefined && typeof version !== 'string')
    return { what: `\`version\` is ${kindOf(version)}`, hint: 'It is a text, e.g. 1.2.0.' }
  return (
    needsFault(needs) ??
    providesFault(provides) ??
    configFault(config) ??
    partsFault(parts, provides) ??
    timeoutsFault(timeouts) ??
    startFault(on, onStartFailed)
  )
}

function needsFault(needs: unknown): Fault | undefined {
  if (needs === undefined) return undefined
  const hint =
    'Write `needs: { pools: Pools }`: names of your own with service keys (`serviceKey(name)`, or those of relayrunner).'
  if (!isObject(needs)) return { what: `\`needs\` is ${kindOf(needs)}`, hint }
  for (const [name, key] of Object.entries(needs))
    if (!isServiceKey(key)) return { what: `\`needs.${name}\` is ${kindOf(key)}, not a service key`, hint }
  return undefined
}

function providesFault(provides: unknown): Fault | undefined {
  if (provides === undefined || isPlainKey(provides)) return undefined
  const hint = 'Write `provides: serviceKey(name)`, or a list of such keys.'
  if (!Array.isArray(provides))
    return { what: `\`provides\` is ${kindOf(provides)}, not a service key`, hint }
  const wrong = provides.findIndex((key) => !isPlainKey(key))
  if (wrong >= 0)
    return { what: `\`provides[${wrong}]\` is ${kindOf(provides[wrong])}, not a service key`, hint }
  const texts = provides.map(({ name, major }) => `${name}@${major}`)
  const twice = texts.find((text, at) => texts.indexOf(text) < at)
  return twice === undefined ? undefined : { what: `\`provides\` names "${twice}" twice`, hint }
}

/** A key as `serviceKey` makes it; optional() and all() are for needs. */
function isPlainKey(value: unknown): value is { readonly name: string; readonly major: number } {
  return isServiceKey(value) && value.takes === 'one'
}

function configFault(config: unknown): Fault | undefined {
  if (config === undefined) return undefined
  const hint = "Describe its keys: `config: section({ port: { type: 'integer', default: 8080 } })`."
  if (!isObject(config)) return { what: `\`config\` is ${kindOf(config)}`, hint }
  const { properties, entries, check } = config
  if (!isObject(properties)) return { what: '`config` is not a section', hint }
  const wrong = wrongProperty(properties)
  if (wrong !== undefined) return { what: `\`config\` has for ${wrong}`, hint }
  if (entries !== undefined && !isSchema(entries))
    return { what: '`config` has entries without a schema', hint }
  if (check === undefined || typeof check === 'function') return undefined
  return { what: `the check of \`config\` is ${kindOf(check)}, not a function`, hint }
}

function wrongProperty(properties: JsonObject): string | undefined {
  const found = Object.entries(properties).find(([, schema]) => !isSchema(schema))
  return found === undefined ? undefined : `"${found[0]}" ${kindOf(found[1])}, not a schema`
}

function partsFault(parts: unknown, provides: unknown): Fault | undefined {
  if (parts === undefined) return undefined
  const hint = "Write `parts: { [JobDriver.name]: [{ name: 'nats', properties: { … } }] }`."
  if (!isObject(parts)) return { what: `\`parts\` is ${kindOf(parts)}`, hint }
  const provided = [provides].flat().map((key) => objectOf(key).name)
  for (const [service, list] of Object.entries(parts)) {
    if (!provided.includes(service))
      return {
        what: `\`parts\` has parts for "${service}", a service that the plugin does not provide`,
        hint: 'Name the key of that service in `provides`: the plugin that collects it finds the parts there.',
      }
    if (!Array.isArray(list)) return { what: `\`parts["${service}"]\` is ${kindOf(list)}, not a list`, hint }
    for (const [at, part] of list.entries()) {
      const fault = partFault(part)
      if (fault !== undefined) return { what: `\`parts["${service}"][${at}]\` ${fault}`, hint }
    }
  }
  return undefined
}

function partFault(part: unknown): string | undefined {
  const { name, properties } = objectOf(part)
  if (typeof name !== 'string' || name === '') return `has for its name ${kindOf(name)}, not a text`
  if (!isObject(properties)) return `has for its properties ${kindOf(properties)}`
  const wrong = wrongProperty(properties)
  return wrong === undefined ? undefined : `has for ${wrong}`
}

function timeoutsFault(timeouts: unknown): Fault | undefined {
  if (timeouts === undefined) return undefined
  const hint = 'Write `timeouts: { setupMs: 60_000 }`: milliseconds for setupMs, drainMs and stopMs.'
  if (!isObject(timeouts)) return { what: `\`timeouts\` is ${kindOf(timeouts)}`, hint }
  for (const [name, ms] of Object.entries(timeouts))
    if (ms !== undefined && !(typeof ms === 'number' && ms > 0))
      return { what: `\`timeouts.${name}\` is ${kindOf(ms)}`, hint }
  return undefined
}

const startWords: readonly unknown[] = ['always', 'section', 'named']
const takes: readonly unknown[] = ['one', 'optional', 'all']

function startFault(on: unknown, onStartFailed: unknown): Fault | undefined {
  if (on !== undefined && !startWords.includes(on) && typeof on !== 'function')
    return {
      what: `\`on\` is ${kindOf(on)}`,
      hint: "Write 'always', 'section', 'named', or a function (mode, sections) => boolean.",
    }
  if (onStartFailed === undefined || typeof onStartFailed === 'function') return undefined
  return { what: `\`onStartFailed\` is ${kindOf(onStartFailed)}`, hint: 'It is a function (error, context).' }
}

function isServiceKey(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    isObject(value) &&
    typeof value.name === 'string' &&
    typeof value.major === 'number' &&
    takes.includes(value.takes)
  )
}

function isSchema(value: unknown): boolean {
  return isObject(value) && (typeof value.type === 'string' || Array.isArray(value.anyOf))
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
