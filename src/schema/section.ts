/**
 * Describes a plugin's section of `rr.yaml`: plain data that yields the config's type, its validation, its
 * page in `docs/configuration.md` and its JSON Schema. No validation happens here; `config/` does it.
 */
import type {
  ConfigOf,
  ObjectSchema,
  Part,
  Properties,
  Schema,
  StringSchema,
  ValueOf,
  VariantSchema,
} from './kinds.js'

/** A plugin's section: its keys, and the type of what set-up is handed. */
export interface Section<P extends Properties = Properties> {
  readonly properties: P
  readonly description?: string
  /** The whole section is a map of free keys (as `pools:` is); `properties` is then empty. */
  readonly entries?: Schema
  /** Finds faults that concern several keys in the validated value; each is reported at the key that it names. */
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

/** Marks a key that must be written: `section({ address: required({ type: 'string' }) })`. Its default is ignored. */
export function required<const S extends Schema>(schema: S): S & { readonly required: true } {
  return { ...schema, required: true }
}

/** Marks a text that is never shown: `***` stands for it in faults and wherever a config is printed. */
export function secret<const S extends StringSchema>(schema: S): S & { readonly secret: true } {
  return { ...schema, secret: true }
}

/**
 * An object whose key `key` names one of `parts`, and whose `config` has the keys of that part: `variant('driver', drivers)`
 * takes `{ driver: sqs, config: { queue: orders } }`. Instead of a list, the key of a service: the parts are then those
 * of the plugins that provide it. `properties` are keys beside these two.
 */
export function variant<
  const K extends string,
  const Q extends Part = Part,
  const P extends Properties = Record<never, never>,
>(key: K, parts: readonly Q[] | PartsOf, properties?: P, description?: string): Variant<K, Q, P>
// The same for any caller: the types above are those of the data that was handed in.
export function variant(
  key: string,
  parts: readonly Part[] | PartsOf,
  properties: Properties = {},
  description?: string,
): VariantSchema {
  return {
    type: 'variant',
    key,
    properties,
    ...('name' in parts ? { parts: [], partsOf: parts.name } : { parts }),
    ...(description === undefined ? {} : { description }),
  }
}

/** The key of the service whose providers bring the parts. */
interface PartsOf {
  readonly name: string
}

/** A variant with the types of its parts. */
export interface Variant<K extends string, Q extends Part, P extends Properties> extends VariantSchema {
  readonly key: K
  readonly parts: readonly Q[]
  readonly properties: P
}

/** The schema of a whole section. */
export function schemaOf({ properties, entries }: Section): Schema {
  return entries === undefined ? { type: 'object', properties } : { type: 'map', values: entries }
}

/** The object that a variant is once its part is known: `config` then has the part's keys, else it may hold anything. */
export function variantObject(variant: VariantSchema, part: Part | undefined): ObjectSchema {
  const key: Schema = {
    type: 'string',
    enum: variant.parts.map(({ name }) => name),
    required: true,
    description: 'The part that reads `config`.',
  }
  const config: Properties =
    part === undefined ? {} : { config: { type: 'object', properties: part.properties } }
  return { type: 'object', properties: { [variant.key]: key, ...variant.properties, ...config } }
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
