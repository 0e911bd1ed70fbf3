/** The config of a section of which nothing was written. Pure. */
import type { ConfigOf, Properties } from './kinds.js'
import { normalise } from './normalise.js'

/** The defaults of a section's keys; a required key has none. */
export type DefaultsOf<P> = {
  readonly [K in keyof P]: P[K] extends { required: true } ? undefined : ConfigOf<P>[K]
}

/** Makes the config that a section without any key is validated to: `defaultsOf({ properties: poolProperties })`. */
export function defaultsOf<const P extends Properties>(section: { readonly properties: P }): DefaultsOf<P> {
  const { value } = normalise({ type: 'object', properties: section.properties }, undefined, {
    path: '',
    at: { file: '', line: 1, column: 1 },
  })
  // Made from these very properties.
  return value as DefaultsOf<P>
}
