/** Chooses the built-in plugins that a start has to know: all of them, or those of a plain function in Lambda, which load sooner. */
import { functionPlugins } from '../../src/plugins/function.js'
import type { AnyPlugin, RunMode } from '../../src/supervisor/plugins/definition.js'
import { activePlugins } from '../../src/supervisor/plugins/parts.js'
import { hostSections } from '../../src/supervisor/sections.js'

const plainKeys: ReadonlySet<string> = new Set([
  'version',
  ...[...hostSections, ...functionPlugins].map(({ name }) => name),
])

/** A start, as far as the choice depends on it. */
export interface StartFacts {
  /** `check` is `rr validate`. */
  readonly mode: RunMode | 'check'
  /** Top-level keys of the file. */
  readonly keys: Iterable<string>
  /** True when the file lists plugins that are not built in: these may name parts of any other. */
  readonly listsOthers: boolean
}

/** Returns the plugins in their order. Which of them are on is decided as ever; the others could not be. */
export async function builtInsFor({ mode, keys, listsOthers }: StartFacts): Promise<readonly AnyPlugin[]> {
  const isPlain = mode === 'bootstrap' && !listsOthers && [...keys].every((key) => plainKeys.has(key))
  return isPlain ? functionPlugins : await all()
}

/** The built-in plugins that are on in `mode` whatever the file says. */
export async function alwaysActive(mode: RunMode): Promise<readonly AnyPlugin[]> {
  return mode === 'bootstrap' ? functionPlugins : activePlugins(await all(), mode, new Map())
}

async function all(): Promise<readonly AnyPlugin[]> {
  return (await import('../../src/plugins/index.js')).builtInPlugins
}
