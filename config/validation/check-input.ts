/**
 * Checks a value from a client in the same way as a section of the file. The value is data, not text: a number in quotes
 * stays text.
 */
import type { Schema } from '../../src/schema/kinds.js'
import type { Entry, Place, Tree } from '../../src/schema/tree.js'
import { type SectionOwner, validateSection } from './validate.js'

const nowhere: Place = { file: '', line: 1, column: 1 }

/** A section for each schema, so that its validator is compiled once. */
const owners = new WeakMap<Schema, SectionOwner>()

/** Returns the value with its defaults, durations in ms and sizes in bytes. Rejects with every fault, as text for the client. */
export async function checkInput(schema: Schema, value: unknown): Promise<unknown> {
  // A section has keys, so the value is made the only key of one.
  const owner = owners.get(schema) ?? { name: 'input', config: { properties: { value: schema } } }
  owners.set(schema, owner)
  const tree: Tree = { kind: 'map', entries: new Map([['value', entryOf(value)]]), at: nowhere }
  const { value: checked, problems } = await validateSection(owner, tree)
  if (problems.length > 0) {
    const texts = problems.map(({ what, expected }) =>
      expected === undefined ? what : `${what}, expected ${expected}`,
    )
    throw new Error(`rpc: ${texts.join('; ').replaceAll('"input.value', '"input')}`)
  }
  return typeof checked === 'object' && checked !== null && 'value' in checked ? checked.value : undefined
}

function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'list', items: value.map(treeOf), at: nowhere }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, one]) => [key, entryOf(one)] as const)
    return { kind: 'map', entries: new Map(entries), at: nowhere }
  }
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  return { kind: 'scalar', value: isScalar ? value : null, isQuoted: typeof value === 'string', at: nowhere }
}

function entryOf(value: unknown): Entry {
  return { at: nowhere, value: treeOf(value) }
}
