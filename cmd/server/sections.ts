/** All sections of `rr.yaml` that need no npm package: the host's own and those of the built-in plugins. */
import type { SectionOwner } from '../../config/validation/validate.js'
import { builtInPlugins } from '../../src/plugins/index.js'
import type { AnyPlugin } from '../../src/supervisor/plugins/definition.js'
import { sectionsOf } from '../../src/supervisor/plugins/parts.js'
import { hostSections } from '../../src/supervisor/sections.js'

/** The built-in sections in the order of the documentation. */
export const builtInSections: readonly SectionOwner[] = sectionsWith([])

/** Adds the sections and the parts of plugins that are not built in. */
export function sectionsWith(plugins: readonly AnyPlugin[]): readonly SectionOwner[] {
  return [...hostSections, ...sectionsOf([...builtInPlugins, ...plugins])]
}
