/** `defineConfig` for a configuration in JavaScript or TypeScript: types for editors, no behaviour. */

/**
 * The configuration as a value: the sections of `rr.yaml`. The build replaces this declaration with one that has the keys of all built-in
 * sections; those of plugins may hold anything.
 */
export interface Config {
  /** Version of the format. */
  readonly version: '3' | 3
  readonly [section: string]: unknown
}

/** Returns the configuration as it is: `export default defineConfig({ version: '3', … })` in `rr.config.js`, for `-c rr.config.js`. */
export function defineConfig(config: Config): Config {
  return config
}
