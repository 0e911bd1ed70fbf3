/** The kinds of values that a section is made of, as plain data, and the types of the values that they validate to. */

interface Described {
  /** One sentence for the documentation and for editors. */
  readonly description?: string
  /** Documented but not built: using the key is refused with "not supported yet". */
  readonly notYet?: true
  /** The key must be written: set by `required()`. */
  readonly required?: true
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
  /** The pattern in words: `HOST:PORT`. */
  readonly patternText?: string
  readonly minLength?: number
  readonly format?: 'duration' | 'size' | 'command'
  /** Meaning of a zero duration: allowed with a meaning of its own, or refused (the default). */
  readonly zero?: 'allowed' | 'refused'
  /** The value is never shown: set by `secret()`. */
  readonly secret?: true
}
/** A number; `integer` refuses fractions. */
export interface NumberSchema extends Described {
  readonly type: 'number' | 'integer'
  /** The unit in which it is written, for messages. */
  readonly unit?: 'MB'
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
/** A list; empty unless `default` says otherwise. */
export interface ArraySchema extends Described {
  readonly type: 'array'
  readonly items: Schema
  readonly default?: readonly string[]
}
/** One of several kinds, told apart by what was written (a list, an object, a scalar), first match wins. */
export interface AnyOfSchema extends Described {
  readonly anyOf: readonly Schema[]
  readonly default?: string | number
}
/** A part that a section may name, with the keys that it understands: a driver, a storage. */
export interface Part {
  readonly name: string
  readonly properties: Properties
  readonly description?: string
}
/** An object whose key `key` names a part, and whose `config` has the keys of that part. */
export interface VariantSchema extends Described {
  readonly type: 'variant'
  readonly key: string
  readonly parts: readonly Part[]
  /** The service whose providers add parts; `withParts` replaces it before validation. */
  readonly partsOf?: string
  /** Keys beside `key` and `config`, the same for every part. */
  readonly properties: Properties
}
/** A value of any kind. */
export type Schema =
  | StringSchema
  | NumberSchema
  | BooleanSchema
  | ObjectSchema
  | MapSchema
  | ArraySchema
  | AnyOfSchema
  | VariantSchema
/** Keys of a section or an object. */
export type Properties = { readonly [key: string]: Schema }

/**
 * The value of a schema once it has been validated; `unknown` for the type `Schema` itself, whose value would be infinitely
 * deep.
 */
export type ValueOf<S> = [Schema] extends [S] ? unknown : KnownValueOf<S>

type KnownValueOf<S> = S extends { anyOf: readonly (infer M)[] }
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
                  : S extends {
                        type: 'variant'
                        key: infer K
                        parts: readonly (infer Q)[]
                        properties: infer P
                      }
                    ? VariantOf<K, Q, P>
                    : never

/** One member for each part; of parts that others add only the name is known. */
type VariantOf<K, Q, P> = Q extends { name: infer N; properties: infer C }
  ? { readonly [key in K & string]: N } & {
      readonly config: string extends N ? { readonly [key: string]: unknown } : ConfigOf<C>
    } & ConfigOf<P>
  : never

type IsAlwaysThere<S> = S extends { required: true } | { default: unknown }
  ? true
  : S extends { optional: true }
    ? false
    : S extends { type: 'object' | 'map' | 'array' } | { anyOf: readonly [{ type: 'object' }, ...unknown[]] }
      ? true
      : false

/** The validated value: durations in ms, sizes in bytes; keys that are neither required nor have a default may be `undefined`. */
export type ConfigOf<P> = {
  readonly [K in keyof P]: IsAlwaysThere<P[K]> extends true ? ValueOf<P[K]> : ValueOf<P[K]> | undefined
}
