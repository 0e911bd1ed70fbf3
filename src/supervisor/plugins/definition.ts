/**
 * The shape of a plugin: plain data that a file or an npm package exports by default. Nothing here runs a plugin;
 * `container.ts` does. Nothing crosses the border by identity, so a plugin may carry its own copy of this package.
 */
import type { Clock } from '../../core/clock.js'
import type { Logger } from '../../logging/logger.js'
import type { Section, SectionConfig } from '../../schema/section.js'
import { checkPlugin } from './check.js'

/** The border's version: raised when a plugin written for the old one would no longer run. */
export const apiVersion = 1

/** Names a service and carries its type. Two keys are the same when name and major are. */
export interface ServiceKey<T> {
  readonly name: string
  readonly major: number
  readonly isOptional: boolean
  /** Carries the type only; there is no value. */
  readonly type?: T
}

/** Makes the key of a service; raise `major` when its users would break. */
export function serviceKey<T>(name: string, major = 1): ServiceKey<T> {
  return { name, major, isOptional: false }
}

/** The same key, for a service that may be absent: the need is then `T | undefined`. */
export function optional<T>(key: ServiceKey<T>): ServiceKey<T | undefined> {
  return { name: key.name, major: key.major, isOptional: true }
}

/** Needs by the name that set-up knows them by. */
export type Needs = { readonly [name: string]: ServiceKey<unknown> }
/** What set-up is handed for its needs. */
export type ResolvedNeeds<N> = { readonly [K in keyof N]: N[K] extends ServiceKey<infer T> ? T : never }

/** What a plugin's set-up gets. */
export interface SetupContext<C, N> {
  readonly config: C
  readonly needs: ResolvedNeeds<N>
  readonly log: Logger
  /** The server's environment; read it here, never from `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Registers what must be undone: run in reverse order at stop, or when set-up fails half way. */
  readonly defer: (undo: () => unknown) => void
}

/** What set-up gives back: all of it optional. */
export interface RunningPlugin<S> {
  /** The service that `provides` promises. */
  readonly service?: S
  /** The long-running part; returning early is fine, throwing stops the whole server. */
  serve?(signal: AbortSignal): Promise<void>
  /** Stop taking work in, let what runs end; `signal` aborts when the time is up. */
  drain?(signal: AbortSignal): Promise<void>
}

// biome-ignore lint/suspicious/noConfusingVoidType: a set-up with nothing to give back does not return
type SetupResult<S> = RunningPlugin<S> | void

/** Milliseconds that a plugin may take for a step before the fault names it. */
export interface PluginTimeouts {
  readonly setupMs?: number
  readonly drainMs?: number
  readonly stopMs?: number
}

/** What an author writes. */
export interface PluginDefinition<P extends Section, N extends Needs, S> {
  /** Also its section in `rr.yaml` and its name in the log. */
  readonly name: string
  readonly version?: string
  readonly needs?: N
  readonly provides?: ServiceKey<S>
  readonly config?: P
  readonly timeouts?: PluginTimeouts
  setup(context: SetupContext<SectionConfig<P>, N>): SetupResult<S> | Promise<SetupResult<S>>
}

/** A plugin with its types forgotten, as the container handles it. */
export interface AnyPlugin {
  readonly apiVersion: number
  readonly name: string
  readonly version?: string
  readonly needs: Needs
  readonly provides?: ServiceKey<unknown>
  readonly config: Section
  readonly timeouts: PluginTimeouts
  setup(context: SetupContext<unknown, Needs>): unknown
}

/**
 * Declares a plugin; returns plain data with the version of the plugin API it was written for. Throws RR_PLUGIN_API for a
 * malformed definition.
 */
export function definePlugin<
  P extends Section = Section<Record<never, never>>,
  const N extends Needs = Record<never, never>,
  S = undefined,
>(definition: PluginDefinition<P, N, S>): AnyPlugin {
  checkPlugin(definition)
  const { name, version, needs, provides, config, timeouts, setup } = definition
  return {
    apiVersion,
    name,
    needs: needs ?? {},
    config: config ?? { properties: {} },
    timeouts: timeouts ?? {},
    ...(version === undefined ? {} : { version }),
    ...(provides === undefined ? {} : { provides }),
    // The container hands each plugin exactly what its own declaration asked for: the types were checked above.
    setup: setup as AnyPlugin['setup'],
  }
}
