/** Checks the definition of a plugin, so that a mistake is reported in the author's terms and not as an error inside the server. Pure. */
import { ErrorCode, RelayError } from '../../core/errors.js'

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

/** The first fault of a definition; undefined when there is none. */
export function pluginFault(definition: unknown): Fault | undefined {
  if (!isObject(definition)) return { what: `its definition is ${kindOf(definition)}`, hint: shapeHint }
  const { name, version, setup, needs, provides, config, timeouts } = definition
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
  return needsFault(needs) ?? providesFault(provides) ?? configFault(config) ?? timeoutsFault(timeouts)
}

function needsFault(needs: unknown): Fault | undefined {
  if (needs === undefined) return undefined
  const hint =
    'Write `needs: { pools: Pools }`: names of your own with service keys (`serviceKey(name)`, or those of relayrunner).'
  if (!isObject(needs) || Array.isArray(needs)) return { what: `\`needs\` is ${kindOf(needs)}`, hint }
  for (const [name, key] of Object.entries(needs))
    if (!isServiceKey(key)) return { what: `\`needs.${name}\` is ${kindOf(key)}, not a service key`, hint }
  return undefined
}

function providesFault(provides: unknown): Fault | undefined {
  if (provides === undefined || isServiceKey(provides)) return undefined
  return {
    what: `\`provides\` is ${kindOf(provides)}, not a service key`,
    hint: 'Write `provides: serviceKey(name)`.',
  }
}

function configFault(config: unknown): Fault | undefined {
  if (config === undefined) return undefined
  const hint = "Describe its keys: `config: section({ port: { type: 'integer', default: 8080 } })`."
  if (!isObject(config)) return { what: `\`config\` is ${kindOf(config)}`, hint }
  const { properties, entries, check } = config
  if (!isObject(properties)) return { what: '`config` is not a section', hint }
  for (const [key, schema] of Object.entries(properties))
    if (!isSchema(schema))
      return { what: `\`config\` has for "${key}" ${kindOf(schema)}, not a schema`, hint }
  if (entries !== undefined && !isSchema(entries))
    return { what: '`config` has entries without a schema', hint }
  if (check === undefined || typeof check === 'function') return undefined
  return { what: `the check of \`config\` is ${kindOf(check)}, not a function`, hint }
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

function isServiceKey(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value.name === 'string' &&
    typeof value.major === 'number' &&
    typeof value.isOptional === 'boolean'
  )
}

function isSchema(value: unknown): boolean {
  return isObject(value) && (typeof value.type === 'string' || Array.isArray(value.anyOf))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
