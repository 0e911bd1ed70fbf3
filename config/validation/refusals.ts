/** Why a value is refused, in words: what was read, what is expected, what may have been meant. Pure. */
import type { Schema, StringSchema } from '../../src/schema/kinds.js'
import type { Tree } from '../../src/schema/tree.js'
import { parseDuration, parseSize } from '../../src/schema/units.js'
import type { SchemaVisitor } from '../../src/schema/visit.js'
import { describe } from './describe.js'
import { nearestName } from './nearest.js'

/** The words of a fault. */
interface Refusal {
  readonly what: string
  readonly expected: string
  readonly nearest?: string
  readonly hint?: string
}

const bytesPerMb = 1024 * 1024

/** Refusals by kind of schema; `keyword` is the constraint that was not met. */
export const refusals: SchemaVisitor<Refusal, [tree: Tree | undefined, keyword: string]> = {
  string(schema, tree, keyword) {
    const text = textOf(tree)
    if (text === undefined) return { what: shapeOf(tree), expected: describe(schema) }
    const { nearest, ...refusal } = refuseText(schema, text, keyword)
    const name = schema.secret === true ? undefined : nearest
    return name === undefined ? refusal : { ...refusal, nearest: name }
  },
  number(schema, tree, keyword) {
    const text = textOf(tree)
    if (text === undefined) return { what: shapeOf(tree), expected: describe(schema) }
    const refusal = { what: keyword === 'type' ? JSON.stringify(text) : text, expected: describe(schema) }
    const bytes = schema.unit === 'MB' ? parseSize(text) : undefined
    if (keyword !== 'type' || bytes === undefined) return refusal
    return { ...refusal, hint: `write ${Math.ceil(bytes / bytesPerMb)}, without a unit` }
  },
  boolean(schema, tree) {
    return { what: textOf(tree) === undefined ? shapeOf(tree) : nameOf(tree), expected: describe(schema) }
  },
  object: wrongShape,
  map: wrongShape,
  array: wrongShape,
  anyOf: wrongShape,
  variant: wrongShape,
}

function wrongShape(schema: Schema, tree: Tree | undefined): Refusal {
  return { what: nameOf(tree), expected: describe(schema) }
}

function refuseText(schema: StringSchema, text: string, keyword: string): Refusal {
  const { format, notYetValues = [], enum: words } = schema
  const shown = schema.secret === true ? '***' : JSON.stringify(text)
  if (format === 'duration') return refuseDuration(text, shown)
  if (format === 'size') return { what: shown, expected: 'a size such as 16MB' }
  if (format === 'command')
    return { what: `${shown} leaves a quote open`, expected: 'a command with closed quotes, or a list' }
  if (notYetValues.includes(text))
    return { what: `${shown} is not supported yet`, expected: describe(schema) }
  if (keyword === 'pattern' && schema.pattern !== undefined)
    return { what: shown, expected: schema.patternText ?? `a text like ${schema.pattern}` }
  const nearest = nearestName(
    text,
    (words ?? []).filter((word) => !notYetValues.includes(word)),
  )
  return { what: shown, expected: describe(schema), ...(nearest === undefined ? {} : { nearest }) }
}

function refuseDuration(text: string, shown: string): Refusal {
  const expected = 'a duration such as 500ms, 60s or 5m'
  if (parseDuration(text) === 0) return { what: 'zero', expected: `${expected}, above zero` }
  const isBare = /^\d+(\.\d+)?$/.test(text)
  return { what: shown, expected, ...(isBare ? { hint: `write ${text}s if seconds are meant` } : {}) }
}

/** The text of a scalar that holds something. */
function textOf(tree: Tree | undefined): string | undefined {
  return tree?.kind === 'scalar' && tree.value !== null ? String(tree.value) : undefined
}

function shapeOf(tree: Tree | undefined): string {
  if (tree?.kind === 'map') return 'a map'
  return tree?.kind === 'list' ? 'a list' : 'no value'
}

function nameOf(tree: Tree | undefined): string {
  return tree?.kind === 'scalar' ? JSON.stringify(tree.value) : shapeOf(tree)
}
