/**
 * The shape of a plugin: plain data that a file or an npm package exports by default. Nothing here runs a plugin;
 * `container.ts` does. Nothing crosses the border by identity, so a plugin may carry its own copy of this package.
 */
import type { Clock } from '../../core/clock.js'
import type { Logger } from '../../logging/logger.js'
import type { Part } from '../../schema/kinds.js'
import type { Section, SectionConfig } from '../../schema/section.js'
import { checkPlugin } from './check.js'
import type { ServiceKey, ServiceOf } from './keys.js'

/** The border's version: raised when a plugin written for the old one would no longer run. */
export const apiVersion = 1

/** Needs by the name that set-up knows them by. */
export type Needs = { readonly [name: string]: ServiceKey<unknown> }
/** Services by the names of a plugin's needs. */
export type ResolvedNeeds<N> = { readonly [K in keyof N]: ServiceOf<N[K]> }

/** Command that the server was started with. */
export type RunMode = 'serve' | 'dev' | 'bootstrap'

/** A line of the banner, and a field of the line `server started`. */
export interface Announcement {
  /** Kind in one word, e.g. `http`. */
  readonly what: string
  /** Address that it listens on or pulls from, e.g. `http://127.0.0.1:8080`. */
  readonly where: string
}

/** Context of a plugin's set-up. */
export interface SetupContext<C, N> {
  readonly config: C
  readonly needs: ResolvedNeeds<N>
  readonly log: Logger
  readonly mode: RunMode
  /** The server's environment; read it here, never from `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Registers what must be undone: run in reverse order at stop, or when set-up fails half way. */
  readonly defer: (undo: () => unknown) => void
  /** Tells people where the plugin can be reached or what it pulls from; call it during set-up. */
  readonly announce: (place: Announcement) => void
}

/** Context of a failed start: the plugin may not have been set up, and its section may be faulty. */
export type StartFailedContext = Pick<SetupContext<unknown, unknown>, 'mode' | 'env' | 'clock' | 'log'>

/**
 * Condition on which a listed or built-in plugin is started: `always`; `section`: when the file has its section; `named`: when the section
 * of another plugin names one of its parts; or as a function of the mode and the top-level keys that the file has.
 */
export type StartsWhen =
  | 'always'
  | 'section'
  | 'named'
  | ((mode: RunMode, sections: ReadonlySet<string>) => boolean)

/**
 * Parts that a plugin brings, by the name of the service that it provides for them: `{ [JobDriver.name]: [{ name: 'nats',
 * properties }] }`. The section of the plugin that collects that service can then name them, and their keys are known before
 * anything is validated.
 */
export type PluginParts = { readonly [service: string]: readonly Part[] }

/** Keys of the services that a plugin provides: one, several, or none. */
export type Provides = ServiceKey<unknown> | readonly ServiceKey<unknown>[] | undefined

/** The services that `provides` promises: `service` for a key, `services` with a pair for each key of a list, in its order. */
export type Provided<K> = K extends readonly ServiceKey<unknown>[]
  ? { readonly services: { readonly [I in keyof K]: readonly [K[I], ServiceOf<K[I]>] } }
  : K extends ServiceKey<infer S>
    ? { readonly service: S; readonly services?: undefined }
    : { readonly services?: undefined }

/** The life of a plugin after set-up: all of it optional. */
export interface PluginLife {
  /** The long-running part; returning early is fine, throwing stops the whole server. */
  serve?(signal: AbortSignal): Promise<void>
  /** Stops taking work in; called on all plugins at once, before anything is drained. */
  stopTaking?(): unknown
  /** Lets what runs end; `signal` aborts when the time is up. Plugins that are needed drain after those that need them. */
  drain?(signal: AbortSignal): Promise<void>
  /**
   * Returns false while the plugin cannot serve; called for each query of the server's readiness, with 1 s to answer.
   */
  ready?(): boolean | Promise<boolean>
}

/** Result of set-up: the promised services, and the plugin's life. */
export type RunningPlugin<K extends Provides = undefined> = PluginLife & Provided<K>

// A plugin that promises nothing may return nothing.
// biome-ignore lint/suspicious/noConfusingVoidType: a set-up with nothing to give back does not return
type SetupResult<K extends Provides> = (RunningPlugin<K> & Pairs) | (K extends undefined ? void : never)

/** Makes the compiler read the list of a literal as pairs before it knows which keys the plugin provides. */
interface Pairs {
  readonly services?: readonly [] | readonly (readonly [ServiceKey<unknown>, unknown])[] | undefined
}

/** Milliseconds that a plugin may take for a step before the fault names it. */
export interface PluginTimeouts {
  readonly setupMs?: number
  readonly drainMs?: number
  readonly stopMs?: number
}

/** Definition of a plugin as its author writes it. */
export interface PluginDefinition<P extends Section, N extends Needs, K extends Provides> {
  /** Name of the plugin, of its section in `rr.yaml`, and of its logger. */
  readonly name: string
  readonly version?: string
  readonly needs?: N
  readonly provides?: K
  readonly config?: P
  readonly parts?: PluginParts
  readonly timeouts?: PluginTimeouts
  /** `always` when absent: a plugin that is listed is started. */
  readonly on?: StartsWhen
  /** Called when the server could not start, after the fault was logged. */
  onStartFailed?(error: Error, context: StartFailedContext): unknown
  setup(context: SetupContext<SectionConfig<P>, N>): SetupResult<K> | Promise<SetupResult<K>>
}

/** A plugin with its types forgotten, as the container handles it. */
export interface AnyPlugin {
  readonly apiVersion: number
  readonly name: string
  readonly version?: string
  readonly needs: Needs
  readonly provides?: Provides
  readonly config: Section
  readonly parts?: PluginParts
  readonly timeouts: PluginTimeouts
  readonly on?: StartsWhen
  onStartFailed?(error: Error, context: StartFailedContext): unknown
  setup(context: SetupContext<unknown, Needs>): unknown
}

/**
 * Declares a plugin; returns plain data with the version of the plugin API it was written for. Throws RR_PLUGIN_API for a
 * malformed definition.
 */
export function definePlugin<
  P extends Section = Section<Record<never, never>>,
  const N extends Needs = Record<never, never>,
  const K extends Provides = undefined,
>(definition: PluginDefinition<P, N, K>): AnyPlugin {
  checkPlugin(definition)
  const { name, version, needs, provides, config, parts, timeouts, on, onStartFailed, setup } = definition
  return {
    apiVersion,
    name,
    needs: needs ?? {},
    config: config ?? { properties: {} },
    timeouts: timeouts ?? {},
    ...(version === undefined ? {} : { version }),
    ...(provides === undefined ? {} : { provides }),
    ...(parts === undefined ? {} : { parts }),
    ...(on === undefined ? {} : { on }),
    ...(onStartFailed === undefined ? {} : { onStartFailed }),
    // The container hands each plugin exactly what its own declaration asked for: the types were checked above.
    setup: setup as AnyPlugin['setup'],
  }
}

/** The keys that a plugin provides. */
export function providedKeys({ provides }: Pick<AnyPlugin, 'provides'>): readonly ServiceKey<unknown>[] {
  if (provides === undefined) return []
  return 'name' in provides ? [provides] : provides
}

/** True when the plugin is started in `mode` with a file that has these sections, whether or not its parts are named (`parts.ts`). */
export function isOn(
  { name, on = 'always' }: AnyPlugin,
  mode: RunMode,
  sections: ReadonlySet<string>,
): boolean {
  if (typeof on === 'function') return on(mode, sections)
  return on === 'always' || (on === 'section' && sections.has(name))
}
