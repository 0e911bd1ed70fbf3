/**
 * How a plugin describes its section of `rr.yaml`: plain data that yields the config's type, its validation, its
 * page in `docs/configuration.md` and its JSON Schema. No validation happens here; `config/` does it.
 */

interface Described {
  /** One sentence for the documentation and for editors. */
  readonly description?: string
  /** Documented but not built: using the key is refused with "not supported yet". */
  readonly notYet?: true
}

/** A text. `format` turns it into milliseconds (`duration`) or bytes (`size`: `16MB`, a bare number is bytes), or checks
 * that a shell's quotes are closed (`command`). */
export interface StringSchema extends Described {
  readonly type: 'string'
  readonly default?: string
  readonly enum?: readonly string[]
  /** Values of `enum` that are documented but not built yet. */
  readonly notYetValues?: readonly string[]
  readonly pattern?: string
  /** What `pattern` wants, in words. */
  readonly patternText?: string
  /** Values that match this are documented but not built yet. */
  readonly notYetPattern?: string
  readonly format?: 'duration' | 'size' | 'command'
  /** What a zero duration means: allowed with a meaning of its own, or refused (the default). */
  readonly zero?: 'allowed' | 'refused'
}
/** A number; `integer` refuses fractions. */
export interface NumberSchema extends Described {
  readonly type: 'number' | 'integer'
  readonly default?: number
  readonly minimum?: number
  readonly maximum?: number
}
/** `true`, `false`, `on`, `off`. */
export interface BooleanSchema extends Described {
  readonly type: 'boolean'
  readonly default?: boolean
}
/** A closed object: an unknown key is a fault with the nearest valid name. A missing object takes its defaults. */
export interface ObjectSchema extends Described {
  readonly type: 'object'
  readonly properties: Properties
  readonly required?: readonly string[]
  /** An object that is not there is undefined instead: being there switches something on. */
  readonly optional?: true
}
/** Free keys with values of one kind. `pairs` also takes RoadRunner's list of one-pair maps. */
export interface MapSchema extends Described {
  readonly type: 'map'
  readonly values: Schema
  readonly pairs?: true
  readonly keyPattern?: string
}
/** A list. */
export interface ArraySchema extends Described {
  readonly type: 'array'
  readonly items: Schema
}
/** One of several kinds, told apart by what was written (a list, an object, a scalar), first match wins. */
interface AnyOfSchema extends Described {
  readonly anyOf: readonly Schema[]
  readonly default?: string | number
}
/** Any of the above. */
export type Schema =
  | StringSchema
  | NumberSchema
  | BooleanSchema
  | ObjectSchema
  | MapSchema
  | ArraySchema
  | AnyOfSchema
/** Keys of a section or an object. */
export type Properties = { readonly [key: string]: Schema }

type ValueOf<S> = S extends { anyOf: readonly (infer M)[] }
  ? ValueOf<M>
  : S extends { type: 'string'; format: 'duration' | 'size' }
    ? number
    : S extends { type: 'string'; enum: readonly (infer V)[] }
      ? V
      : S extends { type: 'string' }
        ? string
        : S extends { type: 'number' | 'integer' }
          ? number
          : S extends { type: 'boolean' }
            ? boolean
            : S extends { type: 'array'; items: infer I }
              ? readonly ValueOf<I>[]
              : S extends { type: 'map'; values: infer V }
                ? { readonly [key: string]: ValueOf<V> }
                : S extends { type: 'object'; properties: infer P }
                  ? ConfigOf<P>
                  : never
type IsAlwaysThere<S> = S extends { default: unknown }
  ? true
  : S extends { optional: true }
    ? false
    : S extends { type: 'object' | 'map' | 'array' } | { anyOf: readonly [{ type: 'object' }, ...unknown[]] }
      ? true
      : false
/** The validated value: durations in ms, sizes in bytes; keys without a default may be `undefined`. */
export type ConfigOf<P> = {
  readonly [K in keyof P]: IsAlwaysThere<P[K]> extends true ? ValueOf<P[K]> : ValueOf<P[K]> | undefined
}

/** A plugin's section: its keys, and the type of what set-up is handed. */
export interface Section<P extends Properties = Properties> {
  readonly properties: P
  readonly description?: string
  /** The whole section is a map of free keys (as `pools:` is); `properties` is then empty. */
  readonly entries?: Schema
  /** What no key can say alone: faults of the validated value, told at the key that each names. */
  readonly check?: SectionCheck
}

/** Looks at a section whose keys are all valid. */
export type SectionCheck = (value: unknown) => readonly SectionFault[]

/** Keys that do not go together. */
export interface SectionFault {
  /** The key, from the section's own: `pool.num_workers`. */
  readonly key: string
  readonly what: string
  readonly hint?: string
}

/** Declares a section by its keys: `section({ interval: { type: 'string', format: 'duration', default: '5s' } })`. */
export function section<const P extends Properties>(
  properties: P,
  description?: string,
  check?: (value: ConfigOf<P>) => readonly SectionFault[],
): Section<P> {
  return {
    properties,
    ...(description === undefined ? {} : { description }),
    // Called with what was validated by these very properties.
    ...(check === undefined ? {} : { check: check as SectionCheck }),
  }
}

/** A section whose keys are names of the user's choice, each with a value of one kind. */
export interface MapSection<S extends Schema> {
  readonly properties: Record<never, never>
  readonly entries: S
  readonly description?: string
}

/** Declares a section whose keys are names of the user's choice, each with a value of `entries`. */
export function mapSection<const S extends Schema>(entries: S, description?: string): MapSection<S> {
  return { properties: {}, entries, ...(description === undefined ? {} : { description }) }
}

/** The config's type of a section. */
export type SectionConfig<S> = S extends {
  readonly entries: infer E
  readonly properties: Record<never, never>
}
  ? { readonly [name: string]: ValueOf<E> }
  : S extends Section<infer P>
    ? ConfigOf<P>
    : never
