/** Violations as ajv reports them → problems in our words, each at the place where the value was written. Pure. */
import type { Properties, Schema } from '../../src/schema/kinds.js'
import type { SourceNode } from '../../src/schema/normalise.js'
import type { Entry, Place, Problem, Tree } from '../../src/schema/tree.js'
import { visit } from '../../src/schema/visit.js'
import { describe } from './describe.js'
import { nearestName } from './nearest.js'
import { refusals } from './refusals.js'

/** A constraint that a value does not meet, as ajv reports it. */
export interface Violation {
  /** JSON pointer from the section. */
  readonly instancePath: string
  readonly keyword: string
  readonly params: Readonly<Record<string, unknown>>
  /** Set where the name of a key is at fault. */
  readonly propertyName?: string
}

/** The values of a section as they were written, by JSON pointer. */
type Nodes = ReadonlyMap<string, SourceNode>

/** Makes one problem for each value that is refused, and one for each unknown or missing key. */
export function faultsOf(violations: readonly Violation[], nodes: Nodes): readonly Problem[] {
  const reported = new Set<string>()
  return violations.flatMap(({ instancePath, keyword, params, propertyName }) => {
    // These only say that something inside is refused, which is reported itself.
    if (keyword === 'if' || propertyName !== undefined) return []
    const name = String(params.additionalProperty ?? params.missingProperty ?? params.propertyName ?? '')
    const key = `${instancePath} ${name}`
    if (reported.has(key)) return []
    reported.add(key)
    return [faultOf(keyword, name, nodeAt(instancePath, nodes))]
  })
}

/** The value at a pointer; where nothing was written, what holds it. */
function nodeAt(pointer: string, nodes: Nodes): SourceNode {
  return nodes.get(pointer) ?? nodeAt(pointer.slice(0, Math.max(0, pointer.lastIndexOf('/'))), nodes)
}

function faultOf(keyword: string, name: string, node: SourceNode): Problem {
  const { schema, tree, at, path } = node
  if (keyword === 'additionalProperties') return unknownKey(name, node)
  if (keyword === 'required') return missingKey(name, node)
  if (keyword === 'propertyNames')
    return fault(entryOf(tree, name)?.at ?? at, `"${path}": the name "${name}"`, {
      expected: 'letters, digits and _',
    })
  if (schema.notYet === true) return fault(at, `"${path}" is not supported yet`)
  const { what, ...more } = visit(schema, refusals, tree, keyword)
  return fault(at, `"${path}": ${what}`, more)
}

function unknownKey(key: string, { schema, tree, at, path }: SourceNode): Problem {
  const names = Object.keys(keysOf(schema))
  const nearest = nearestName(key, names)
  return fault(entryOf(tree, key)?.at ?? at, `unknown key "${key}" in "${path}"`, {
    expected: names.length === 0 ? 'no keys' : `one of ${names.join(', ')}`,
    ...(nearest === undefined ? {} : { nearest }),
  })
}

function missingKey(key: string, { schema, tree, at, path }: SourceNode): Problem {
  const property = keysOf(schema)[key]
  const expected = property === undefined ? {} : { expected: describe(property) }
  const empty = entryOf(tree, key)?.value
  return empty === undefined
    ? fault(at, `"${path}" has no "${key}"`, expected)
    : fault(empty.at, `"${path}.${key}" is empty`, expected)
}

function keysOf(schema: Schema): Properties {
  return 'properties' in schema ? schema.properties : {}
}

function entryOf(tree: Tree | undefined, key: string): Entry | undefined {
  if (tree?.kind === 'map') return tree.entries.get(key)
  return tree?.kind === 'list'
    ? tree.items.map((item) => entryOf(item, key)).find((entry) => entry !== undefined)
    : undefined
}

function fault(at: Place, what: string, more: Partial<Problem> = {}): Problem {
  return { severity: 'error', at, what, ...more }
}
