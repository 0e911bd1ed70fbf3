/** The configuration in force as one document: variables, includes, `-o` and defaults applied, secrets masked. */
import { effectiveSections } from '../../config/effective.js'
import { sectionsOf } from '../../src/supervisor/plugins/parts.js'
import { hostSections } from '../../src/supervisor/sections.js'
import type { StartPlan } from './plan.js'

/** Makes the document of a planned start. */
export function effectiveConfig({ entries, active, plugins, listed }: StartPlan): object {
  const specifiers = plugins.flatMap(({ plugin, file }) => (listed.has(plugin.name) ? [file] : []))
  return {
    version: '3',
    ...(specifiers.length === 0 ? {} : { plugins: specifiers }),
    ...effectiveSections(entries, [...hostSections, ...sectionsOf(active)]),
  }
}
