/** All sections of `rr.yaml` that need no npm package: the host's own and those of the built-in plugins. */
import type { SectionOwner } from '../../config/validation/validate.js'
import { builtInPlugins } from '../../src/plugins/index.js'
import { hostSections } from '../../src/supervisor/sections.js'

/** In the order of the documentation. */
export const builtInSections: readonly SectionOwner[] = [
  ...hostSections,
  ...builtInPlugins.map(({ name, config }) => ({ name, config })),
]
