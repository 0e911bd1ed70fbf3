/** Sections → the tables of `docs/configuration.md`. Pure. */
import type { Properties, Schema } from '../src/schema/kinds.js'
import { variantObject } from '../src/schema/section.js'
import { type SchemaVisitor, visit } from '../src/schema/visit.js'
import { describe } from './validation/describe.js'
import type { SectionOwner } from './validation/validate.js'

/** Makes the tables of the sections; the keys of a pool have one table of their own. */
export function referenceOf(owners: readonly SectionOwner[], pool: Properties): string {
  const sections = owners.map(({ name, config }) => {
    const keys =
      config.entries === undefined
        ? table(config.properties)
        : `Names of your choice, each with the keys of ${visit(config.entries, kinds)}.`
    return `## \`${name}\`\n\n${config.description ?? ''}\n\n${keys}\n`
  })
  return `${sections.join('\n')}\n## A pool\n\nRoadRunner's keys.\n\n${table(pool)}\n`
}

function table(properties: Properties): string {
  return ['| Key | Value | Default | |', '|---|---|---|---|', ...rowsOf(properties, '')].join('\n')
}

function rowsOf(properties: Properties, path: string): readonly string[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = path === '' ? key : `${path}.${key}`
    return [rowOf(name, schema), ...visit(schema, rows, name)]
  })
}

function rowOf(name: string, schema: Schema): string {
  const given = 'default' in schema ? schema.default : undefined
  const fallback = given === undefined ? '–' : `\`${given === '' ? '""' : given}\``
  const notes = [
    schema.description ?? '',
    ...(schema.required === true ? ['*Required.*'] : []),
    ...(schema.notYet === true ? ['*Not supported yet.*'] : []),
  ]
  return `| \`${name}\` | ${visit(schema, kinds)} | ${fallback} | ${notes.join(' ')} |`
}

const none = (): readonly string[] => []

/** Rows of the keys inside a value. */
const rows: SchemaVisitor<readonly string[], [name: string]> = {
  string: none,
  number: none,
  boolean: none,
  object: ({ properties }, name) => (isPool(properties) ? [] : rowsOf(properties, name)),
  map: none,
  array: none,
  anyOf: ({ anyOf }, name) => anyOf.flatMap((kind) => visit(kind, rows, name)),
  variant: (schema, name) => [
    ...rowsOf(variantObject(schema, undefined).properties, name),
    ...schema.parts.flatMap((part) => rowsOf(part.properties, `${name}.config (${part.name})`)),
  ],
}

const described = (schema: Schema): string => describe(schema)

/** The kind of a value in words, with a link to the keys of a pool. */
const kinds: SchemaVisitor<string> = {
  string: described,
  number: described,
  boolean: described,
  object: (schema) => (isPool(schema.properties) ? 'a [pool](#a-pool)' : describe(schema)),
  map: described,
  array: described,
  anyOf: ({ anyOf }) => {
    const isPoolOrName = anyOf.some((kind) => 'properties' in kind && isPool(kind.properties))
    return isPoolOrName ? 'a [pool](#a-pool) or its name' : describe({ anyOf })
  },
  variant: described,
}

function isPool(properties: Properties): boolean {
  return 'num_workers' in properties
}
