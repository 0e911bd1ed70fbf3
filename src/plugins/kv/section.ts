/** The storages of `kv:`. */
import { mapSection, type SectionConfig, variant } from '../../index.js'
import { KvDriver } from '../../work/key-value.js'

/** The section. */
export const kvSection = mapSection(
  variant('driver', KvDriver, {}, 'A storage and the driver that keeps it.'),
  'Key-value storages that workers use over RPC, by name.',
)

/** Validated value of the section. */
export type KvSettings = SectionConfig<typeof kvSection>
