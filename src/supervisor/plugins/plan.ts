/**
 * Orders plugins into levels: everything a plugin needs sits in an earlier level. Pure: no loading, no set-up, no logging.
 * `container.ts` runs what this returns.
 */
import { ErrorCode, RelayError } from '../../core/errors.js'
import { type AnyPlugin, providedKeys } from './definition.js'
import { keyText } from './keys.js'

/** Plugins by level, in listing order inside a level. */
export type Plan = readonly (readonly AnyPlugin[])[]

/**
 * Makes the plan. Throws RR_PLUGIN_DUPLICATE (two of a name, two with a part of one name, or two that provide a service of
 * which a plugin needs one), RR_PLUGIN_MISSING_NEED (both named), RR_PLUGIN_CYCLE (as a path).
 */
export function planPlugins(plugins: readonly AnyPlugin[], hostServices: ReadonlySet<string>): Plan {
  const providers = findProviders(plugins, hostServices)
  const needs = new Map(plugins.map((plugin) => [plugin, providersOf(plugin, providers, hostServices)]))
  const levels: AnyPlugin[][] = []
  const placed = new Set<AnyPlugin>()
  while (placed.size < plugins.length) {
    const level = plugins.filter(
      (plugin) => !placed.has(plugin) && (needs.get(plugin) ?? []).every((need) => placed.has(need)),
    )
    if (level.length === 0) throw cycle(plugins, needs, placed)
    levels.push(level)
    for (const plugin of level) placed.add(plugin)
  }
  return levels
}

/** Every plugin that provides a key, by the key's text. */
type Providers = ReadonlyMap<string, readonly AnyPlugin[]>

function findProviders(plugins: readonly AnyPlugin[], hostServices: ReadonlySet<string>): Providers {
  const names = new Set<string>()
  const providers = new Map<string, AnyPlugin[]>()
  checkParts(plugins)
  for (const plugin of plugins) {
    if (names.has(plugin.name)) {
      throw new RelayError(ErrorCode.PluginDuplicate, `two plugins have the name "${plugin.name}"`, {
        hint: 'A name is also a section of rr.yaml: list one of them only.',
      })
    }
    names.add(plugin.name)
    for (const key of providedKeys(plugin).map(keyText)) {
      if (hostServices.has(key)) throw duplicate(plugin, key, 'the server itself')
      providers.set(key, [...(providers.get(key) ?? []), plugin])
    }
  }
  return providers
}

/** Throws for two parts of one name: a section could not say which one it means. */
function checkParts(plugins: readonly AnyPlugin[]): void {
  const bringers = new Map<string, string>()
  for (const { name, parts = {} } of plugins)
    for (const [service, list] of Object.entries(parts))
      for (const part of list) {
        const what = `the part "${part.name}" of service "${service}"`
        const other = bringers.get(what)
        bringers.set(what, name)
        if (other !== undefined)
          throw new RelayError(
            ErrorCode.PluginDuplicate,
            `plugin "${name}" brings ${what}, which "${other}" brings already`,
            {
              hint: 'List one of the two only.',
            },
          )
      }
}

function duplicate({ name }: AnyPlugin, key: string, other: string, needer?: AnyPlugin): RelayError {
  const text = `plugin "${name}" provides service "${key}", which ${other} provides already`
  const why = needer === undefined ? '' : `, and plugin "${needer.name}" needs one of them`
  return new RelayError(ErrorCode.PluginDuplicate, `${text}${why}`, {
    hint: needer === undefined ? 'List one of the two only.' : 'List one of the two only, or need all().',
  })
}

function providersOf(
  plugin: AnyPlugin,
  providers: Providers,
  hostServices: ReadonlySet<string>,
): readonly AnyPlugin[] {
  return Object.values(plugin.needs).flatMap((need) => {
    const key = keyText(need)
    const found = providers.get(key) ?? []
    if (need.takes === 'all') return found.filter((one) => one !== plugin)
    const [first, second] = found
    if (first !== undefined && second !== undefined) throw duplicate(second, key, first.name, plugin)
    if (first !== undefined) return [first]
    if (need.takes === 'optional' || hostServices.has(key)) return []
    const what = `plugin "${plugin.name}" needs service "${key}", which no plugin provides`
    throw new RelayError(ErrorCode.PluginMissingNeed, what, {
      hint: `Add a plugin that provides "${key}", or make the need optional().`,
    })
  })
}

function cycle(
  plugins: readonly AnyPlugin[],
  needs: ReadonlyMap<AnyPlugin, readonly AnyPlugin[]>,
  placed: ReadonlySet<AnyPlugin>,
): RelayError {
  const path: AnyPlugin[] = []
  let next = plugins.find((plugin) => !placed.has(plugin))
  while (next !== undefined && !path.includes(next)) {
    path.push(next)
    next = (needs.get(next) ?? []).find((need) => !placed.has(need))
  }
  const loop = next === undefined ? path : [...path.slice(path.indexOf(next)), next]
  const text = loop.map((plugin) => plugin.name).join(' -> ')
  return new RelayError(ErrorCode.PluginCycle, `plugins need each other in a cycle: ${text}`, {
    hint: 'Make one of these needs optional(), or move what both need into a third plugin.',
  })
}
