/** All sections of `rr.yaml` that need no npm package. */
import type { SectionOwner } from '../../config/validate.js'
import { builtInPlugins } from '../../src/plugins/index.js'

/** In the order of the documentation. */
export const builtInSections: readonly SectionOwner[] = builtInPlugins.map(({ name, config }) => ({
  name,
  config,
}))
