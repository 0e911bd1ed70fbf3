/**
 * Decides which plugins a file starts, and what their sections take once each plugin's parts have joined the sections that name them.
 * Pure: it is asked before anything is validated.
 */
import { type FindParts, type NamedPart, namedParts, withParts } from '../../schema/parts.js'
import type { Section } from '../../schema/section.js'
import type { Entry } from '../../schema/tree.js'
import { type AnyPlugin, isOn, type RunMode } from './definition.js'

/** A section of the file and the plugin that reads it. */
export interface PluginSection {
  readonly name: string
  readonly config: Section
}

/** Lists the sections of plugins, with the parts that all of them bring. A plugin without keys that only brings parts has no section. */
export function sectionsOf(plugins: readonly AnyPlugin[]): readonly PluginSection[] {
  const find = findParts(plugins)
  return plugins
    .filter(
      ({ parts, config }) =>
        parts === undefined || Object.keys(config.properties).length > 0 || config.entries !== undefined,
    )
    .map(({ name, config }) => ({ name, config: withParts(config, find) }))
}

/** Lists the plugins that are started in `mode` with a file of these entries, in their order. */
export function activePlugins(
  plugins: readonly AnyPlugin[],
  mode: RunMode,
  entries: ReadonlyMap<string, Entry>,
): readonly AnyPlugin[] {
  const sections = new Set(entries.keys())
  const active = new Set(plugins.filter((plugin) => isOn(plugin, mode, sections)))
  // A set tells of members that are added meanwhile: a part may have a section of its own that names others.
  for (const { name, config } of active) {
    const named = namedParts(config, entries.get(name)?.value)
    for (const plugin of plugins) if (brings(plugin, named)) active.add(plugin)
  }
  return plugins.filter((plugin) => active.has(plugin))
}

/** Finds parts by service. Of two with one name, which `planPlugins` refuses, it takes the first. */
function findParts(plugins: readonly AnyPlugin[]): FindParts {
  return (service) => {
    const parts = plugins.flatMap((plugin) => plugin.parts?.[service] ?? [])
    return parts.filter(({ name }, at) => parts.findIndex((part) => part.name === name) === at)
  }
}

function brings({ parts }: AnyPlugin, named: readonly NamedPart[]): boolean {
  return named.some(({ service, name }) => parts?.[service]?.some((part) => part.name === name) === true)
}
