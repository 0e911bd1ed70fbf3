/**
 * The configuration in force, as one would write it: defaults filled in, units as they were written, secrets masked. Pure. Faults
 * are found by `validation/validate.ts`.
 */
import type { Schema } from '../src/schema/kinds.js'
import { normalise, type SourceNode } from '../src/schema/normalise.js'
import { schemaOf } from '../src/schema/section.js'
import type { Entry, Scalar } from '../src/schema/tree.js'
import type { SectionOwner } from './validation/validate.js'

/** Text that stands for a secret. */
const masked = '***'

type Nodes = ReadonlyMap<string, SourceNode>

/** Makes the sections of `owners` by name; a section that was not written has its defaults. */
export function effectiveSections(
  entries: ReadonlyMap<string, Entry>,
  owners: readonly SectionOwner[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    owners.map(({ name, config }) => {
      const entry = entries.get(name)
      const at = entry?.at ?? { file: '', line: 1, column: 1 }
      const { value, nodes } = normalise(schemaOf(config), entry?.value, { path: name, at })
      return [name, shown(value, '', nodes)]
    }),
  )
}

function shown(value: unknown, pointer: string, nodes: Nodes): unknown {
  const node = nodes.get(pointer)
  if (value === undefined || (node !== undefined && isSecret(node.schema)))
    return value === undefined ? undefined : masked
  if (Array.isArray(value)) return value.map((item, at) => shown(item, `${pointer}/${at}`, nodes))
  if (typeof value !== 'object' || value === null) return withUnit(value, node)
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, below]) => {
      const text = shown(below, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, nodes)
      return text === undefined ? [] : [[key, text]]
    }),
  )
}

function isSecret(schema: Schema): boolean {
  if ('anyOf' in schema) return schema.anyOf.some(isSecret)
  return schema.type === 'string' && schema.secret === true
}

/** Durations and sizes are numbers once they have been read; the text that they were read from says in which unit. */
function withUnit(value: unknown, node: SourceNode | undefined): unknown {
  const text = node === undefined ? undefined : sourceOf(node)
  const isBare = text === undefined || text === null || Number.isFinite(Number(text))
  return typeof value === 'number' && !isBare ? text : value
}

function sourceOf({ tree, schema }: SourceNode): Scalar | undefined {
  if (tree?.kind === 'scalar') return tree.value
  const fallback = 'default' in schema ? schema.default : undefined
  return typeof fallback === 'object' ? undefined : fallback
}
