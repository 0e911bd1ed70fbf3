/** Sections → the declaration of the type `Config`, for configurations in TypeScript. Pure. */
import type { Properties, Schema } from '../src/schema/kinds.js'
import { schemaOf } from '../src/schema/section.js'
import { type SchemaVisitor, visit } from '../src/schema/visit.js'
import type { SectionOwner } from './validation/validate.js'

// In a word of its own: this file exports none of what it writes.
const exported = 'export'

/** Makes the text of a module of declarations; the keys of a pool have a type of their own. */
export function configTypeText(owners: readonly SectionOwner[], pool: Properties): string {
  const sections = owners.map(({ name, config }) => {
    const type = visit(schemaOf(config), types, pool)
    return `${docText(config.description)}  readonly ${keyText(name)}?: ${type};\n`
  })
  return `/** A time with its unit, such as \`500ms\`, \`60s\` or \`1h30m\`. */
${exported} type Duration = string | 0;
/** Bytes, or a size such as \`64KB\`. */
${exported} type Size = string | number;
/** The keys of a pool. */
${exported} interface PoolKeys ${objectText(pool, undefined)}
/** The configuration as a value: the sections of \`rr.yaml\`. A plugin's section may hold anything. */
${exported} interface Config {
  /** Version of the format. */
  readonly version: '3' | 3;
  /** npm names or paths of plugins beside the built-in ones. */
  readonly plugins?: readonly string[];
  /** Files whose sections replace those of this one. */
  readonly include?: string | readonly string[];
${sections.join('')}  readonly [section: string]: unknown;
}
/** Returns the configuration as it is: \`export default defineConfig({ version: '3', … })\` in \`rr.config.js\`, for \`-c rr.config.js\`. */
${exported} declare function defineConfig(config: Config): Config;
`
}

/** A kind of value as TypeScript. `pool` is what `PoolKeys` stands for; undefined while that itself is written. */
const types: SchemaVisitor<string, [pool: Properties | undefined]> = {
  string({ enum: names, notYetValues = [], format }) {
    if (names !== undefined) {
      const words = names.filter((name) => !notYetValues.includes(name)).map(quoted)
      const isSwitch = names.includes('on') || names.includes('off')
      return union([...words, ...(isSwitch ? ['boolean'] : [])])
    }
    if (format === 'duration') return 'Duration'
    return format === 'size' ? 'Size' : 'string'
  },
  number: () => 'number',
  boolean: () => 'boolean',
  object: ({ properties }, pool) => (isPool(properties, pool) ? 'PoolKeys' : objectText(properties, pool)),
  map({ values, pairs }, pool) {
    const map = `{ readonly [name: string]: ${visit(values, types, pool)} }`
    return pairs === true ? union([map, `readonly ${map}[]`]) : map
  },
  array: ({ items }, pool) => `readonly (${visit(items, types, pool)})[]`,
  anyOf: ({ anyOf }, pool) => union(anyOf.map((one) => visit(one, types, pool))),
  variant({ key, parts, properties }, pool) {
    const beside = keysText(properties, pool)
    if (parts.length === 0)
      return `{ readonly ${keyText(key)}: string; readonly config?: { readonly [key: string]: unknown };\n${beside}}`
    return union(
      parts.map((part) => {
        const config = objectText(part.properties, pool)
        return `{ readonly ${keyText(key)}: ${quoted(part.name)}; readonly config?: ${config};\n${beside}}`
      }),
    )
  },
}

function isPool(properties: Properties, pool: Properties | undefined): boolean {
  return pool !== undefined && Object.keys(properties).join() === Object.keys(pool).join()
}

function objectText(properties: Properties, pool: Properties | undefined): string {
  return `{\n${keysText(properties, pool)}}`
}

function keysText(properties: Properties, pool: Properties | undefined): string {
  return Object.entries(properties)
    .filter(([, schema]) => schema.notYet !== true)
    .map(([key, schema]) => keyLine(key, schema, pool))
    .join('')
}

function keyLine(key: string, schema: Schema, pool: Properties | undefined): string {
  const optional = schema.required === true ? '' : '?'
  return `${docText(schema.description)}  readonly ${keyText(key)}${optional}: ${visit(schema, types, pool)};\n`
}

function docText(description: string | undefined): string {
  return description === undefined ? '' : `  /** ${description.replaceAll('*/', '*\\/')} */\n`
}

function keyText(key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) ? key : quoted(key)
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function union(members: readonly string[]): string {
  return [...new Set(members)].join(' | ')
}
